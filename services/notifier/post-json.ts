/** Posts JSON to a webhook. Its URL is a secret: it appears in no outcome, log or span, nor do the server's own words unless they are one of its codes. */

import { readRetryAfter } from '../../shared/retry-after.ts'
import { delivered, type Outcome, refused, serverAway } from './outcome.ts'

export interface PostOptions {
  /** Who it is, for people: `Slack`. */
  readonly name: string
  readonly signal?: AbortSignal
  /** How long an answer may take (milliseconds). */
  readonly patienceMs?: number
}

/** A post that was taken and not answered in time would be posted twice, so waiting is cheap. */
const usualPatienceMs = 30_000

/** These, and what begins with 5, may pass by themselves; every other refusal is for good. */
const passing = [408, 425, 429]

/** Throws only when `signal` is aborted. */
export async function postJson(
  url: string,
  body: object,
  { name, signal, patienceMs = usualPatienceMs }: PostOptions,
): Promise<Outcome> {
  const patience = AbortSignal.timeout(patienceMs)
  try {
    const { address, login } = splitLogin(url)
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...login },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      redirect: 'manual',
    })
    return await judgeAnswer(answer, name)
  } catch (error) {
    signal?.throwIfAborted()
    if (patience.aborted) return serverAway(`${name} did not answer within ${patienceMs / 1_000} s.`)
    return serverAway(`${name} could not be reached${codeOf(error)}.`)
  }
}

/** A user and a password in the URL go the way that fetch allows. */
function splitLogin(url: string): { address: URL; login: { Authorization?: string } } {
  const address = new URL(url)
  const words = [address.username, address.password].map(decode)
  if (words.every((word) => word === '')) return { address, login: {} }
  address.username = ''
  address.password = ''
  return { address, login: { Authorization: `Basic ${Buffer.from(words.join(':')).toString('base64')}` } }
}

/** A percent sign that stands for itself is one. */
function decode(word: string): string {
  try {
    return decodeURIComponent(word)
  } catch {
    return word
  }
}

async function judgeAnswer(answer: Response, name: string): Promise<Outcome> {
  if (answer.ok) {
    await answer.body?.cancel()
    return delivered
  }
  const said = wordOf(await beginningOf(answer))
  const why = `${name} answered with status ${answer.status}${said}.`
  const { status } = answer
  if (status >= 400 && status < 500 && !passing.includes(status)) return refused(why)
  return serverAway(why, readRetryAfter(answer.headers.get('Retry-After')))
}

/** Slack explains itself in one word, such as `channel_is_archived`; other texts may quote the URL. */
const wordOf = (text: string) => (/^[a-z]+(_[a-z]+){1,5}$/.test(text) ? ` (${text})` : '')

/** As much of the body as a word can be. */
async function beginningOf({ body }: Response): Promise<string> {
  if (!body) return ''
  for await (const chunk of body) return Buffer.from(chunk as Uint8Array).toString('latin1', 0, 100)
  return ''
}

/** The network's code alone: its texts hold addresses. */
function codeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } }
  return typeof cause?.code === 'string' ? ` (${cause.code})` : ''
}
