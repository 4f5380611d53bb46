/** Signs and checks as nkeys do (Ed25519), by OpenSSL: the arithmetic of `@nats-io/nkeys` takes a hundred times as long, which was most of a seal. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { fromSeed } from '@nats-io/nkeys'

export interface Signer {
  /** As nkeys write it. */
  readonly publicKey: string
  sign(text: string): Buffer
}

/** What stands before the 32 bytes of a key in DER (RFC 8410). */
const before = {
  private: Buffer.from('302e020100300506032b657004220420', 'hex'),
  public: Buffer.from('302a300506032b6570032100', 'hex'),
}

const opened = new WeakMap<Uint8Array, Signer>()

/** The signer of a seed, made once. Throws where the seed is none. */
export function signerOf(seed: Uint8Array): Signer {
  const known = opened.get(seed)
  if (known) return known
  const publicKey = fromSeed(seed).getPublicKey()
  const der = Buffer.concat([before.private, bytesOf(Buffer.from(seed).toString('latin1'), 2)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const signer = { publicKey, sign: (text: string) => sign(null, Buffer.from(text), key) }
  opened.set(seed, signer)
  return signer
}

/** Throws where `publicKey` is none. */
export function isSignedBy(publicKey: string, text: string, signature: Buffer): boolean {
  const der = Buffer.concat([before.public, bytesOf(publicKey, 1)])
  return verify(
    null,
    Buffer.from(text),
    createPublicKey({ key: der, format: 'der', type: 'spki' }),
    signature,
  )
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The key in an nkey's text (base32), which begins with its kind and ends with a checksum. */
function bytesOf(nkey: string, kindBytes: number): Buffer {
  const bits = [...nkey].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const bytes = bits.match(/[01]{8}/g) ?? []
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2))).subarray(kindBytes, kindBytes + 32)
}
