/**
 * Seals tokens to the distributor's public key (NATS xkeys), so that none is ever readable on the bus, and signs them, so that
 * nobody else's are ever pushed.
 */
import { createCurve, fromCurveSeed } from '@nats-io/nkeys'
import { reasonCode, time } from '../contracts/messages.ts'
import { runId } from '../contracts/run-id.ts'
import { z } from '../contracts/zod.ts'
import { isSignedBy, signerOf } from './signer.ts'
import { isTokenWord } from './token-word.ts'

/** What tells an entry's bearer tokens apart, both as configured. */
const which = {
  purpose: z.string().describe('Absent: the one without.').optional(),
  path: z
    .string()
    .describe('The template, which is no order to write there; absent: the usual place.')
    .optional(),
}
const token = z.string().refine(isTokenWord, 'not one word of printable ASCII')

/** A bearer token for nodes, or why it could not be made. */
export const sealedBearer = z.union([
  z.object({ ...which, token, expiry: time }),
  z.object({
    ...which,
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
  run: runId,
  tokenId: z.string(),
  expiry: time,
  token: token.describe('The vault token; absent where nodes must not have it.').optional(),
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

/** What lies in the box. Who has signed it is for the distributor alone to see. */
const signedContent = z.object({
  content: z.string().describe('The content as JSON, as it was signed.'),
  signer: z.string().describe('Public key of the refresher’s signing pair.'),
  signature: z.base64(),
})

/** Who seals for whom. */
export interface Sealing {
  /** The distributor's public curve key. */
  readonly recipient: string
  /** The seed of the refresher's signing pair, an account's by its kind: a user's could be made to sign by a false nats-server. */
  readonly signingSeed: Uint8Array
}

/**
 * Signs `content`, and seals it with a fresh sender key: a static one could open its own seals. Throws where the keys are of
 * another kind, or a token is not one word.
 */
export function seal(content: SealedContent, { recipient, signingSeed }: Sealing): string {
  const text = JSON.stringify(sealedContent.parse(content))
  const signing = signerOf(signingSeed)
  const signature = signing.sign(text).toString('base64')
  const signed: z.infer<typeof signedContent> = { content: text, signer: signing.publicKey, signature }
  const sender = createCurve()
  const box = sender.seal(Buffer.from(JSON.stringify(signed)), recipient)
  return JSON.stringify({ sender: sender.getPublicKey(), box: Buffer.from(box).toString('base64') })
}

/** Who opens, and whom it believes: old and new keys side by side while one is being changed. */
export interface Opening {
  readonly seeds: readonly Uint8Array[]
  /** Public keys. */
  readonly trustedSigners: readonly string[]
}

/** What was sealed, or why it is not to be used: a clause for people. */
export type Opened = { readonly content: SealedContent } | { readonly why: string }

/** Opens a sealed value. Never throws. */
export function unseal(value: string, { seeds, trustedSigners }: Opening): Opened {
  const opened = open(value, seeds)
  if (!opened) return { why: 'it is not sealed to a key of this distributor' }
  const { data: signed } = signedContent.safeParse(parseJson(opened))
  if (!signed) return { why: 'it is not signed' }
  if (!trustedSigners.includes(signed.signer)) return { why: 'its signer is none of sealing.trustedSigners' }
  if (!isGenuine(signed)) return { why: 'its signature is not its signer’s' }
  const { data: content } = sealedContent.safeParse(parseJson(signed.content))
  return content ? { content } : { why: 'what was signed is no token of ours' }
}

function open(value: string, seeds: readonly Uint8Array[]): string | undefined {
  const { data } = sealedValue.safeParse(parseJson(value))
  if (!data) return undefined
  const box = Buffer.from(data.box, 'base64')
  for (const seed of seeds)
    try {
      const opened = fromCurveSeed(seed).open(box, data.sender)
      if (opened) return Buffer.from(opened).toString('utf8')
    } catch {
      // No box, no sender, or no curve seed: the next one may fit.
    }
  return undefined
}

function isGenuine({ content, signer, signature }: z.infer<typeof signedContent>): boolean {
  try {
    return isSignedBy(signer, content, Buffer.from(signature, 'base64'))
  } catch {
    return false
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
