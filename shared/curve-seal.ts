/**
 * Seals a message to a curve key as NATS xkeys are sealed, with a sender key made for this one message. The same bytes as
 * `createCurve().seal()` of `@nats-io/nkeys`, whose curve arithmetic in JavaScript stops the event loop twenty times as long.
 */
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { Prefix } from '@nats-io/nkeys'
import { Codec } from '@nats-io/nkeys/lib/codec.js'
import nacl from 'tweetnacl'
import { textOf } from './nkey.ts'

/** The version of the format, before the nonce and the box. */
const version = Buffer.from('xkv1')
/** The part of NaCl's `box` between the key agreement and the cipher; exported, but missing in its types. */
const { crypto_core_hsalsa20: hsalsa20 } = (
  nacl as unknown as {
    readonly lowlevel: {
      crypto_core_hsalsa20(out: Uint8Array, input: Uint8Array, key: Uint8Array, constant: Uint8Array): void
    }
  }
).lowlevel
const sigma = Buffer.from('expand 32-byte k')

/** The sealed message, and the public key to open it with beside the recipient's seed. Throws when `recipient` is no curve key. */
export function sealOnce(message: Uint8Array, recipient: string): { sender: string; box: Uint8Array } {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const shared = diffieHellman({ privateKey, publicKey: curveKey(recipient) })
  const key = new Uint8Array(nacl.secretbox.keyLength)
  hsalsa20(key, new Uint8Array(16), shared, sigma)
  const nonce = randomBytes(nacl.secretbox.nonceLength)
  const box = Buffer.concat([version, nonce, nacl.secretbox(message, nonce, key)])
  return { sender: textOf(Prefix.Curve, publicKey), box }
}

function curveKey(text: string): KeyObject {
  const raw = Codec.decode(Prefix.Curve, Buffer.from(text))
  return createPublicKey({
    key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(raw).toString('base64url') },
    format: 'jwk',
  })
}
