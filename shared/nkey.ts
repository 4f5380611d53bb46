/**
 * NATS keys with Node's own curves: `@nats-io/nkeys` does the arithmetic in JavaScript, where one login is a tenth of what a
 * daemon's start costs.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import type { Authenticator } from '@nats-io/nats-core'
import { Prefix } from '@nats-io/nkeys'
import { Codec } from '@nats-io/nkeys/lib/codec.js'

/** What a private key in PKCS #8 begins with before its 32 bytes (RFC 8410). */
const pkcs8 = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
}

interface Nkey {
  /** As it is written in a server's configuration: `U…`, or `X…` for a curve key. */
  readonly publicKey: string
  readonly privateKey: KeyObject
}

/** The key pair of a seed (`SU…` of a user, `SX…` of a curve). Throws when it is none of this kind. */
function readSeed(seed: Uint8Array, kind: Prefix): Nkey {
  const { prefix, buf } = Codec.decodeSeed(seed)
  if (prefix !== kind) throw new Error('the seed is one of another kind')
  const start = kind === Prefix.Curve ? pkcs8.x25519 : pkcs8.ed25519
  const key = Buffer.concat([start, buf])
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  key.fill(0)
  return { publicKey: textOf(kind, createPublicKey(privateKey)), privateKey }
}

/** The public half of a seed. Throws when it is no seed of this kind. */
export const publicKeyOf = (seed: Uint8Array, kind: Prefix): string => readSeed(seed, kind).publicKey

/** A public key as NATS writes it. */
export function textOf(prefix: Prefix, key: KeyObject): string {
  const { x = '' } = key.export({ format: 'jwk' })
  return Buffer.from(Codec.encode(prefix, Buffer.from(x, 'base64url'))).toString()
}

/** Logs in by signing what the server asks to be signed. Throws when `seed` is no user's. */
export function nkeyLogin(seed: Uint8Array): Authenticator {
  const { publicKey, privateKey } = readSeed(seed, Prefix.User)
  return (nonce = '') => ({
    nkey: publicKey,
    sig: sign(null, Buffer.from(nonce), privateKey).toString('base64'),
  })
}
