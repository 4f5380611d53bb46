/** The lane: one at a time, in order, whatever each of them does. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openExclusiveQueue } from '../../../../services/storer/exclusive/exclusive-queue.ts'

const forEver = new AbortController().signal

describe('the lane', () => {
  it('lets in one after the other, in the order of asking', async () => {
    const lane = openExclusiveQueue()
    const seen: string[] = []
    const gates = ['a', 'b', 'c'].map((name) => ({ name, ...Promise.withResolvers<void>() }))
    const runs = gates.map(({ name, promise }) =>
      lane.run(async () => {
        seen.push(`${name} in`)
        await promise
        seen.push(`${name} out`)
      }, forEver),
    )
    for (const gate of gates.toReversed()) gate.resolve()
    await Promise.all(runs)
    assert.deepEqual(seen, ['a in', 'a out', 'b in', 'b out', 'c in', 'c out'])
  })

  it('goes on after work that throws', async () => {
    const lane = openExclusiveQueue()
    const failing = lane.run(() => Promise.reject(new Error('it broke')), forEver)
    const next = lane.run(async () => 'went on', forEver)
    await assert.rejects(failing, /it broke/)
    assert.equal(await next, 'went on')
  })

  it('passes over whoever does not want to wait any more', async () => {
    const lane = openExclusiveQueue()
    const first = Promise.withResolvers<void>()
    const leave = new AbortController()
    const running = lane.run(() => first.promise, forEver)
    const left = lane.run(async () => assert.fail('it had left'), leave.signal)
    const last = lane.run(async () => 'in', forEver)
    leave.abort(new Error('leaving'))
    await assert.rejects(left, /leaving/)
    first.resolve()
    await running
    assert.equal(await last, 'in')
  })

  it('refuses whoever has left before asking', async () => {
    await assert.rejects(
      openExclusiveQueue().run(async () => 'in', AbortSignal.abort(new Error('left'))),
      /left/,
    )
  })
})
