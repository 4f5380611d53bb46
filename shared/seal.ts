/** Seals tokens to the distributor's public key (NATS xkeys), so that none is ever readable on the bus. */
import { fromCurveSeed } from '@nats-io/nkeys'
import { sealOnce } from './curve-seal.ts'
import { reasonCode } from './messages.ts'
import { z } from './zod.ts'

const time = z.iso.datetime({ offset: true })
const purpose = z.string().describe('As configured; absent: the one without.').optional()

/** A bearer token for nodes, or why it could not be made. */
export const sealedBearer = z.union([
  z.object({ purpose, token: z.string(), expiry: time }),
  z.object({
    purpose,
    failure: z.object({
      ...{ code: reasonCode, message: z.string(), action: z.string() },
      causeName: z.string().exactOptional(),
    }),
  }),
])
export type SealedBearer = z.infer<typeof sealedBearer>

/** What is sealed: the tokens, and what they must turn out to be when it is opened. */
const sealedObject = z.object({
  entry: z.string(),
  service: z.string(),
  run: z.string(),
  tokenId: z.string(),
  expiry: time,
  token: z.string().describe('The vault token; absent where nodes must not have it.').optional(),
  bearers: z.array(sealedBearer).optional(),
})
const holdsSomething = ({ token, bearers }: z.infer<typeof sealedObject>) =>
  token !== undefined || bearers !== undefined
export const sealedContent = sealedObject.refine(holdsSomething)
export type SealedContent = z.infer<typeof sealedContent>

/** The value of a key in the bucket `sealed`: readable by the holder of the distributor's seed only. */
const sealedValue = z.object({
  sender: z.string().describe('Public key of a sender made for this one seal.'),
  box: z.base64(),
})

/** Seals `content` with a fresh sender key: a static one could open its own seals. Throws when the public key is not a curve key. */
export function seal(content: SealedContent, recipient: string): string {
  const { sender, box } = sealOnce(new TextEncoder().encode(JSON.stringify(content)), recipient)
  return JSON.stringify({ sender, box: Buffer.from(box).toString('base64') })
}

/** Opens a sealed value, or answers null when it was not sealed to this seed, was changed, or does not hold what it should. */
export function unseal(value: string, seed: Uint8Array): SealedContent | null {
  try {
    const { sender, box } = sealedValue.parse(JSON.parse(value))
    const opened = fromCurveSeed(seed).open(Buffer.from(box, 'base64'), sender)
    return opened && sealedContent.parse(JSON.parse(new TextDecoder().decode(opened)))
  } catch {
    return null
  }
}
