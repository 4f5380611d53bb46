/** Posts JSON to a webhook. Its URL is a secret: it appears in no delivery, log or span, nor do the server's own words unless they are one of its codes. */

import type { HttpError } from '../../../shared/https/http-error.ts'
import { type Answer, exchange } from '../../../shared/https/request.ts'
import { readRetryAfter } from '../../../shared/https/retry-after.ts'
import { type Delivery, delivered, refused, serverAway } from './delivery.ts'

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
): Promise<Delivery> {
  try {
    const { address, login } = splitLogin(url)
    const answer = await exchange(address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...login },
      content: JSON.stringify(body),
      timeoutMs: patienceMs,
      signal,
    })
    return judgeAnswer(answer, name)
  } catch (error) {
    signal?.throwIfAborted()
    return serverAway(whyNot(error, name, patienceMs))
  }
}

/** The network's code alone, since its texts hold addresses; a proxy is named, or nobody would look there. */
function whyNot(error: unknown, name: string, patienceMs: number): string {
  const { kind, code, message } = error as HttpError
  if (kind === 'timeout') return `${name} did not answer within ${patienceMs / 1_000} s.`
  if (kind === 'proxy') return `${name} could not be reached: ${message}.`
  if (kind === 'tls')
    return `${name} has a certificate that is not to be trusted (${code}): add its authority to the system’s.`
  return `${name} could not be reached${code ? ` (${code})` : ''}.`
}

/** A user and a password in the URL stand in no message that names it. */
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

function judgeAnswer({ status, headers, body }: Answer, name: string): Delivery {
  if (status >= 200 && status < 300) return delivered
  const why = `${name} answered with status ${status}${wordOf(body)}.`
  if (status >= 400 && status < 500 && !passing.includes(status)) return refused(why)
  return serverAway(why, readRetryAfter(headers['retry-after']))
}

/** Slack explains itself in one word, such as `channel_is_archived`; other texts may quote the URL. */
const wordOf = (text: string) =>
  text.length <= 100 && /^[a-z]+(_[a-z]+){1,5}$/.test(text) ? ` (${text})` : ''
