/** A Slack incoming webhook: checks what Slack checks, keeps each post as `<n>.json`, answers as Slack does. */
import { randomBytes } from 'node:crypto'
import { type Answer, type Post, startHttpSink } from './http-sink.ts'
import type { Sink } from './mail-sink.ts'
import { numberFiles } from './numbered-files.ts'

export interface SlackSink extends Sink {
  /** A secret, as a real webhook's is. */
  readonly url: string
}

/** Slack's limits: characters of a message, blocks of a message, characters of a block's text. */
const limits = { text: 40_000, blocks: 50, blockText: 3000 }

export async function startSlackSink(directory: string): Promise<SlackSink> {
  const keep = numberFiles(directory, 'json')
  const path = `/services/TSANDBOX/B${randomBytes(4).toString('hex')}/${randomBytes(12).toString('hex')}`
  const sink = await startHttpSink((post) => {
    if (post.path !== path) return { status: 403, body: 'invalid_token' }
    const answer = checkPost(post)
    if (answer.status === 200) keep(post.body)
    return answer
  })
  return Object.assign(sink, { url: `http://127.0.0.1:${sink.port}${path}` })
}

function checkPost(post: Post): Answer {
  const payload = parse(post)
  if (!payload) return { status: 400, body: 'invalid_payload' }
  const { text, blocks } = payload
  if (text !== undefined && typeof text !== 'string') return { status: 400, body: 'invalid_payload' }
  if (!text && blocks === undefined) return { status: 400, body: 'no_text' }
  if (typeof text === 'string' && text.length > limits.text) return { status: 400, body: 'msg_too_long' }
  return blocks === undefined || areGoodBlocks(blocks)
    ? { status: 200, body: 'ok' }
    : { status: 400, body: 'invalid_blocks' }
}

function parse({ contentType, body }: Post): Record<string, unknown> | undefined {
  if (contentType !== 'application/json') return undefined
  try {
    const payload: unknown = JSON.parse(body.toString('utf8'))
    return typeof payload === 'object' && payload !== null ? { ...payload } : undefined
  } catch {
    return undefined
  }
}

function areGoodBlocks(blocks: unknown): boolean {
  if (!Array.isArray(blocks) || blocks.length > limits.blocks) return false
  return blocks.every((block) => (block?.text?.text ?? '').length <= limits.blockText)
}
