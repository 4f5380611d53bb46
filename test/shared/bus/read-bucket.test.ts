/** Reading a whole bucket while others write to it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Bus } from '../../../shared/bus/connect.ts'
import { readBucket } from '../../../shared/bus/read-bucket.ts'
import { ensureOwned } from '../../../shared/bus/streams/topology.ts'
import { startTestNats } from '../../support/nats.ts'

/** Writes to these keys in turns until disposed, several at a time; `written` after each has its first new value. */
function keepWriting({ nc }: Bus, keys: readonly string[]) {
  const written = Promise.withResolvers<void>()
  const state = { count: 0, isOver: false }
  async function write(): Promise<void> {
    while (!state.isOver) {
      nc.publish(`$KV.failures.${keys[state.count++ % keys.length]}`, 'new')
      if (state.count === keys.length) written.resolve()
      if (state.count % 10 === 0) await nc.flush()
    }
  }
  const writing = write()
  return {
    written: written.promise,
    async [Symbol.asyncDispose]() {
      state.isOver = true
      await writing
    },
  }
}

describe('reading a bucket', () => {
  it('ends while others go on writing, and misses no key', { timeout: 60_000 }, async () => {
    await using nats = await startTestNats()
    await using reader = await nats.connect('notifier')
    await using writer = await nats.connect('notifier')
    await ensureOwned(reader, 'notifier')
    const failures = await reader.bucket('failures')
    const keys = Array.from({ length: 200 }, (_, n) => `entry${n}.refresh`)
    await Promise.all(keys.map((key) => failures.put(key, 'old')))
    await using writing = keepWriting(writer, keys)
    await writing.written
    const found = await readBucket(failures)
    assert.deepEqual([...found.keys()].toSorted(), keys.toSorted())
    for (const entry of found.values()) assert.equal(entry.string(), 'new')
  })

  it('tells what was deleted as that, and nothing but what is asked for', async () => {
    await using nats = await startTestNats()
    await using bus = await nats.connect('notifier')
    await ensureOwned(bus, 'notifier')
    const failures = await bus.bucket('failures')
    assert.equal((await readBucket(failures)).size, 0)
    for (const key of ['cause.a', 'cause.b', 'other']) await failures.put(key, key)
    await failures.delete('cause.b')
    const found = await readBucket(failures, 'cause.>')
    assert.deepEqual(
      [...found.values()].map(({ key, operation }) => [key, operation]),
      [
        ['cause.a', 'PUT'],
        ['cause.b', 'DEL'],
      ],
    )
    assert.equal((await readBucket(failures, 'nothing.>')).size, 0)
  })
})
