import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type BatcherOptions,
  type Delivery,
  openBatcher,
} from '../../../../shared/telemetry/exporters/batcher.ts'

/** A far end that answers when it is told to. */
function farEnd() {
  const sent: (readonly string[])[] = []
  const answers: ((delivery: Delivery) => void)[] = []
  let arrived = Promise.withResolvers<void>()
  return {
    sent,
    send: (items: readonly string[], signal: AbortSignal) => {
      sent.push(items)
      arrived.resolve()
      return new Promise<Delivery>((resolve) => {
        answers.push(resolve)
        signal.addEventListener('abort', () => resolve('later'), { once: true })
      })
    },
    async answerNext(delivery: Delivery) {
      await arrived.promise
      arrived = Promise.withResolvers()
      answers.shift()?.(delivery)
    },
  }
}

function open(send: BatcherOptions<string>['send'], changes: Partial<BatcherOptions<string>> = {}) {
  const dropped: number[] = []
  const batcher = openBatcher<string>({
    sizeOf: (item) => item.length,
    maxBytes: 10,
    batchBytes: 100,
    batchItems: 3,
    lingerMs: 1,
    timeoutMs: 60_000,
    backoff: { firstMs: 1, longestMs: 1 },
    send,
    onDropped: (count) => dropped.push(count),
    ...changes,
  })
  return { batcher, countDropped: () => dropped.reduce((sum, count) => sum + count, 0) }
}

describe('what is taken to a far end in batches', () => {
  it('arrives in order, in batches no larger than allowed', async () => {
    const end = farEnd()
    const { batcher, countDropped } = open(end.send)
    for (const item of ['a', 'b', 'c', 'd', 'e']) batcher.offer(item)
    await end.answerNext('taken')
    await end.answerNext('taken')
    await batcher[Symbol.asyncDispose]()
    assert.deepEqual(end.sent, [
      ['a', 'b', 'c'],
      ['d', 'e'],
    ])
    assert.equal(countDropped(), 0)
  })

  it('never takes more room than it has, and counts what does not fit, while nothing is taken', async () => {
    const end = farEnd()
    const { batcher, countDropped } = open(end.send)
    for (let n = 0; n < 100_000; n++) {
      batcher.offer('xx')
      assert.ok(batcher.held() <= 10)
    }
    assert.equal(countDropped(), 100_000 - 5)
    await end.answerNext('taken')
    await end.answerNext('taken')
    await batcher[Symbol.asyncDispose]()
    assert.equal(end.sent.flat().length, 5, 'what was held arrives')
    assert.equal(countDropped(), 100_000 - 5)
  })

  it('tries the same batch again where that is worth it', async () => {
    const end = farEnd()
    const { batcher, countDropped } = open(end.send)
    batcher.offer('a')
    await end.answerNext('later')
    await end.answerNext('later')
    await end.answerNext('taken')
    await batcher[Symbol.asyncDispose]()
    assert.deepEqual(end.sent, [['a'], ['a'], ['a']])
    assert.equal(countDropped(), 0)
  })

  it('drops what is refused, and goes on with the next', async () => {
    const end = farEnd()
    const { batcher, countDropped } = open(end.send, { batchItems: 1 })
    batcher.offer('a')
    batcher.offer('b')
    await end.answerNext('refused')
    await end.answerNext('taken')
    await batcher[Symbol.asyncDispose]()
    assert.deepEqual(end.sent, [['a'], ['b']])
    assert.equal(countDropped(), 1)
  })

  it('does not wait for an end that never answers, and lets it go when stopped', {
    timeout: 60_000,
  }, async () => {
    const end = farEnd()
    const { batcher, countDropped } = open(end.send, { timeoutMs: 5 })
    batcher.offer('a')
    await end.answerNext('later')
    await batcher[Symbol.asyncDispose]()
    assert.equal(countDropped(), 1)
    batcher.offer('b')
    assert.equal(countDropped(), 2, 'nothing is kept any more')
  })
})
