/** The copies of logins on the bus, in the bucket `logins`, for the refresher's replicas: sealed to themselves, changed by compare-and-set. */
import type { KV } from '@nats-io/kv'
import { attempt, writeAt } from '../../../shared/bus/compare-and-set.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import { encodeToken } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { type Login, loginFacts } from './login.ts'
import type { OwnSeal } from './own-seal.ts'

/** A value of the bucket. */
export const loginCopy = loginFacts.extend({ box: z.base64().describe('The refresh token, sealed.') })

export interface FoundCopy {
  /** Absent where there is none that this refresher can open. */
  readonly login?: Login
  /** For the next write; 0: nothing is there. */
  readonly revision: number
}

export interface LoginCopies {
  read(entry: string): Promise<FoundCopy>
  /** False where somebody else has changed it since that revision. */
  write(login: Login, revision: number): Promise<boolean>
}

/** `whose` is sealed in: what was copied to another entry's key does not open. */
const aboutOf = ({ entry, issuer, clientId, login, generation }: Omit<Login, 'refreshToken'>) =>
  JSON.stringify([entry, issuer, clientId, login, generation])

export function openLoginCopies(logins: KV, ownSeal: OwnSeal): LoginCopies {
  return {
    async read(entry) {
      const { value, revision } = await readValue(logins, encodeToken(entry), loginCopy)
      if (!value || value.entry !== entry) return { revision }
      const { box, ...facts } = value
      const refreshToken = ownSeal.open(box, aboutOf(facts))
      return refreshToken === undefined ? { revision } : { login: { ...facts, refreshToken }, revision }
    },
    async write({ refreshToken, ...facts }, revision) {
      const copy = { ...facts, box: ownSeal.seal(refreshToken, aboutOf(facts)) }
      const key = encodeToken(facts.entry)
      return (await attempt(() => writeAt(logins, key, JSON.stringify(copy), revision))) !== undefined
    },
  }
}
