/** Posts one body to a far end over HTTP, and says whether it is worth another try. */
import { exchange } from '../../https/request.ts'
import type { Delivery } from './batcher.ts'

export interface Body {
  readonly contentType: string
  readonly content: string | Uint8Array
}

/** Whoever asks has a shorter deadline of its own (milliseconds). */
const longestMs = 60_000

/** Never throws: an end that is away, silent or busy (408, 429, 5xx) is `later`, any other refusal is final. */
export async function post(
  url: string,
  { contentType, content }: Body,
  signal: AbortSignal,
): Promise<Delivery> {
  try {
    const { status } = await exchange(new URL(url), {
      ...{ method: 'POST', content, signal, timeoutMs: longestMs },
      headers: { 'Content-Type': contentType },
    })
    if (status >= 200 && status < 300) return 'taken'
    return status < 400 || isBusy(status) ? 'later' : 'refused'
  } catch {
    return 'later'
  }
}

/** A refusal that says nothing about what was sent. */
export const isBusy = (status: number): boolean => status >= 500 || [408, 429].includes(status)

/** A host, a host with a port, or a URL, with `path` where it has none of its own. */
export function urlOf(host: string, path: string): string {
  const url = new URL(/^https?:\/\//i.test(host) ? host : `http://${host}`)
  if (url.pathname === '/') url.pathname = path
  return url.href
}
