/** Seals to the refreshers themselves, by a key that is made from their signing seed: replicas with the same seed open it, nobody else. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

export interface OwnSeal {
  /** `about` is seen by everybody; what was sealed opens with the same one only. */
  seal(secret: string, about: string): string
  /** Undefined where it was sealed by another key, or about something else, or changed since. */
  open(box: string, about: string): string | undefined
}

const cipher = 'aes-256-gcm'
const [nonceBytes, tagBytes] = [12, 16]

export function openOwnSeal(signingSeed: Uint8Array): OwnSeal {
  const key = Buffer.from(hkdfSync('sha256', signingSeed, '', 'managed-tokens logins', 32))
  return {
    seal(secret, about) {
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, key, nonce).setAAD(Buffer.from(about))
      const text = Buffer.concat([sealing.update(secret, 'utf8'), sealing.final()])
      return Buffer.concat([nonce, sealing.getAuthTag(), text]).toString('base64')
    },
    open(box, about) {
      const bytes = Buffer.from(box, 'base64')
      const [nonce, tag] = [bytes.subarray(0, nonceBytes), bytes.subarray(nonceBytes, nonceBytes + tagBytes)]
      try {
        const opening = createDecipheriv(cipher, key, nonce).setAAD(Buffer.from(about)).setAuthTag(tag)
        const text = [opening.update(bytes.subarray(nonceBytes + tagBytes)), opening.final()]
        return Buffer.concat(text).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}
