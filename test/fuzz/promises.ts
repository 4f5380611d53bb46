/** What every text for people and every error promises, whatever it was made of. */
import assert from 'node:assert/strict'
import { isFailed } from '../../shared/contracts/errors.ts'
import { reasons } from '../../shared/contracts/reasons.ts'

/** What looks like a secret in what is read: a vault token, a bearer token and a webhook. Put together here, as they are none. */
export const planted = [
  ['hvs', `fuzz${'0Planted'.repeat(3)}`].join('.'),
  ['eyJmdXp6Ijoi', 'cGxhbnRlZA', 'c2ln'].join('.'),
  ['https://hooks.slack.com', 'services', 'T0PLANTED', 'B0', 'fuzz'].join('/'),
]
const secret = /hv[sb]\.[\w-]|eyJ[\w-]{4}|hooks\.slack\.com\/\S/

/** Longer is no sentence (characters). */
const longest = 2_000

/** One line without a secret, and without anything that a terminal obeys. */
export function assertForPeople(text: string): void {
  assert.ok(text.length > 0 && text.length <= longest, `${text.length} characters for people`)
  const shown = JSON.stringify(text.slice(0, 300))
  assert.ok(
    !/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(text),
    `a control character for people: ${shown}`,
  )
  assert.ok(!secret.test(text), `a secret for people: ${shown}`)
}

/** An error that has one of our reasons, and a sentence. */
export function assertTyped(error: unknown): asserts error is Error {
  assert.ok(isFailed(error), `no reason, but ${error instanceof Error ? error.stack : String(error)}`)
  const { code, message, action, causeName } = error.failure
  assert.ok(Object.hasOwn(reasons, code), `no reason of ours: ${code}`)
  for (const text of [message, action, error.message]) assertForPeople(text)
  if (causeName !== undefined) assertForPeople(causeName)
}

/** What `work` gives, or undefined where it threw what has a reason. */
export async function orTyped<T>(work: () => Promise<T> | T): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    assertTyped(error)
    return undefined
  }
}

/** The same of what is done at once. */
export function orTypedNow<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    assertTyped(error)
    return undefined
  }
}
