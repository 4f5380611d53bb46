/** Sends a text compressed, as the asker can read it, with what a browser has to keep to. */
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Nothing but our own files, no script in the page, no frame around it, and nobody learns where a reader came from. */
export const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex, nofollow',
}

const compress = { br: promisify(brotliCompress), gzip: promisify(gzip) }
/** As good as it gets in a few milliseconds. */
const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }
/** A shorter text is not worth it (characters). */
const shortest = 1_000

/** A text of which the compressed form is kept, for all who ask for the same. */
export interface Kept {
  readonly text: string
  br?: Promise<Buffer>
  gzip?: Promise<Buffer>
}

export async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  type: string,
  kept: Kept,
): Promise<FastifyReply> {
  reply.type(type).header('vary', 'accept-encoding')
  const encoding = encodingFor(request)
  if (!encoding || kept.text.length < shortest) return reply.send(kept.text)
  kept[encoding] ??= encoding === 'br' ? compress.br(kept.text, brotli) : compress.gzip(kept.text)
  return reply.header('content-encoding', encoding).send(await kept[encoding])
}

function encodingFor({ headers }: FastifyRequest): 'br' | 'gzip' | undefined {
  const accepted = String(headers['accept-encoding'] ?? '')
    .split(',')
    .map((name) => name.trim())
  return (['br', 'gzip'] as const).find((name) => accepted.includes(name))
}
