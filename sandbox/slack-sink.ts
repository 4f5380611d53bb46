/** A Slack incoming webhook: checks what Slack checks, keeps each post as `<n>.json`, answers as Slack does; or fails as the faults say. */
import { randomBytes } from 'node:crypto'
import { readFaults } from './fault-file.ts'
import { passHoldPoint } from './hold.ts'
import { type Answer, type Post, startHttpSink } from './http-sink.ts'
import type { Sink } from './mail-sink.ts'
import { numberFiles } from './numbered-files.ts'

export interface SlackSink extends Sink {
  /** A secret, as a real webhook's is. */
  readonly url: string
}

export interface SlackSinkOptions {
  /** Where the posts are kept. */
  readonly directory: string
  /** The sandbox's directory: faults and hold points are looked up at each post. */
  readonly dir: string
}

/** Slack's limits: characters of a message, blocks of a message, characters of a block's text, of all blocks (seen, not documented). */
const limits = { text: 40_000, blocks: 50, blockText: 3000, allBlocks: 13_000 }

/** A post that was kept waits at the hold point `slack` before the sender hears of it. */
export async function startSlackSink({ directory, dir }: SlackSinkOptions): Promise<SlackSink> {
  const keep = numberFiles(directory, 'json')
  const path = `/services/TSANDBOX/B${randomBytes(4).toString('hex')}/${randomBytes(12).toString('hex')}`
  const sink = await startHttpSink(async (post) => {
    if (post.path !== path) return { status: 403, body: 'invalid_token' }
    const faults = readFaults(dir)
    if (faults['slack-hangs']) return 'never'
    if (faults['slack-rate-limit'] !== undefined)
      return {
        status: 429,
        body: 'rate_limited',
        headers: { 'retry-after': `${faults['slack-rate-limit']}` },
      }
    if (faults['slack-error'] !== undefined) return { status: faults['slack-error'], body: 'as_told' }
    const answer = checkPost(post)
    if (answer.status !== 200) return answer
    keep(post.body)
    await passHoldPoint(dir, 'slack')
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
  if (blocks === undefined) return { status: 200, body: 'ok' }
  if (!areGoodBlocks(blocks)) return { status: 400, body: 'invalid_blocks' }
  if (JSON.stringify(blocks).length > limits.allBlocks) return { status: 400, body: 'msg_blocks_too_long' }
  return { status: 200, body: 'ok' }
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
