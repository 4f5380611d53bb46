/** Server-Sent Events: whoever has a page open hears what has changed on it. One who does not keep up is let go, and comes back by itself. */
import type { ServerResponse } from 'node:http'

export interface Streams extends Disposable {
  /** Takes over an answer; false where there are too many already. */
  open(topic: string, answer: ServerResponse): boolean
  send(topic: string, event: EventName, data?: string): void
  sendAll(event: EventName, data?: string): void
  hasAny(topic: string): boolean
  count(): number
}

/** `part`: the HTML of what has changed. `again`: the page has, as a whole. */
export type EventName = 'hello' | 'part' | 'again'

/** More than a laboratory has people who look at the same time. */
const mostStreams = 1_000
/** What may lie unread before somebody counts as too slow (bytes); the kernel holds as much again. */
const mostUnread = 256 * 1024

const head = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx passes it on at once.
  'x-accel-buffering': 'no',
}

export function openStreams(): Streams {
  const topics = new Map<string, Set<ServerResponse>>()
  let count = 0

  function leave(topic: string, answer: ServerResponse): void {
    const listeners = topics.get(topic)
    if (!listeners?.delete(answer)) return
    count -= 1
    if (listeners.size === 0) topics.delete(topic)
  }

  function sendTo(listeners: Iterable<ServerResponse>, frame: string): void {
    for (const answer of listeners) {
      if (answer.writableLength > mostUnread) answer.destroy()
      else answer.write(frame)
    }
  }

  return {
    open(topic, answer) {
      if (count >= mostStreams) return false
      count += 1
      topics.set(topic, (topics.get(topic) ?? new Set()).add(answer))
      answer.once('close', () => leave(topic, answer))
      answer.writeHead(200, { ...head })
      answer.write(frameOf('hello'))
      return true
    },
    send: (topic, event, data) => sendTo(topics.get(topic) ?? [], frameOf(event, data)),
    sendAll(event, data) {
      const frame = frameOf(event, data)
      for (const listeners of topics.values()) sendTo(listeners, frame)
    },
    hasAny: (topic) => topics.has(topic),
    count: () => count,
    [Symbol.dispose]() {
      for (const listeners of topics.values()) for (const answer of listeners) answer.end()
    },
  }
}

/** An event as it goes over the wire; no line of the data can be taken for anything else. */
const frameOf = (event: EventName, data = ''): string =>
  `event: ${event}\n${data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`
