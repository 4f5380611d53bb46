/** A person's login at a token issuer, as it is kept: the refresh token, which one in a row it is, and whether it is in use. */
import { time } from '../../../shared/contracts/messages.ts'
import { z } from '../../../shared/contracts/zod.ts'

export const asked = z.object({
  at: time.describe('When the issuer was asked with this refresh token.'),
  by: z.string().describe('The process that asked.'),
  until: time.describe('Until then nobody else asks: an answer may still come.'),
})

/** What may be seen by everybody on the bus. */
export const loginFacts = z.object({
  entry: z.string(),
  issuer: z.string().describe('Its URL.'),
  clientId: z.string().describe('The client that the login was for: no other may use it.'),
  login: z
    .int()
    .describe('When the person logged in (milliseconds since the epoch): a later login is newer.'),
  generation: z.int().min(0).describe('How often its refresh token was replaced since.'),
  asked: asked
    .describe('The issuer was asked with it, and nobody knows of an answer: it may be used up.')
    .exactOptional(),
})
export type LoginFacts = z.infer<typeof loginFacts>

export const loginRecord = loginFacts.extend({ refreshToken: z.string().min(1) })
export type Login = z.infer<typeof loginRecord>

/** Which of two is newer: negative where it is the first. Of the same one the word that it is in use is newer. Pure. */
export const newestFirst = (one: LoginFacts, other: LoginFacts): number =>
  other.login - one.login ||
  other.generation - one.generation ||
  Date.parse(other.asked?.at ?? '1970-01-01T00:00:00Z') - Date.parse(one.asked?.at ?? '1970-01-01T00:00:00Z')

/** Of what is there, the newest. Pure. */
export const newestOf = (logins: readonly (Login | undefined)[]): Login | undefined =>
  logins
    .filter((one) => one !== undefined)
    .toSorted(newestFirst)
    .at(0)

/** The same refresh token of the same login. Pure. */
export const isSame = (one: LoginFacts, other: LoginFacts): boolean =>
  one.login === other.login && one.generation === other.generation
