/** Makes openid-client ask over our own connections: with the trust and the proxy of all our questions, and their errors. */
import type { CustomFetch } from 'openid-client'
import { HttpError } from '../../../shared/https/http-error.ts'
import { type AskOptions, exchange } from '../../../shared/https/request.ts'
import { readRetryAfter } from '../../../shared/https/retry-after.ts'

/**
 * The fetch of a client. It throws HttpError where there is no answer, and where the issuer has none to give (429, a server's
 * error), however that is worded.
 */
export const fetchOverOurs =
  (options: Omit<AskOptions, 'headers'>): CustomFetch =>
  async (address, { method, headers, body }) => {
    const url = new URL(address)
    const asked = { ...options, headers }
    const { status, ...answer } = await exchange(
      url,
      method === 'POST' ? { ...asked, method, content: String(body ?? ''), isQuestion: true } : asked,
    )
    if (status === 429 || status >= 500)
      throw new HttpError(`${url.host} answered with status ${status}`, {
        ...{ kind: 'status', status },
        retryAfterMs: readRetryAfter(answer.headers['retry-after']),
      })
    // Without WWW-Authenticate: the body says the same of a refusal, and there is one rule to read it.
    const type = { 'Content-Type': answer.headers['content-type'] ?? '' }
    return new Response(answer.body || null, { status, headers: type })
  }
