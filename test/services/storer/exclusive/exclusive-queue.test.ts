/** The lanes: so many at a time, in order, whatever each of them does. */
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
      lane.inTurn(async () => {
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
    const failing = lane.inTurn(() => Promise.reject(new Error('it broke')), forEver)
    const next = lane.inTurn(async () => 'went on', forEver)
    await assert.rejects(failing, /it broke/)
    assert.equal(await next, 'went on')
  })

  it('passes over whoever does not want to wait any more', async () => {
    const lane = openExclusiveQueue()
    const first = Promise.withResolvers<void>()
    const leave = new AbortController()
    const running = lane.inTurn(() => first.promise, forEver)
    const left = lane.inTurn(async () => assert.fail('it had left'), leave.signal)
    const last = lane.inTurn(async () => 'in', forEver)
    leave.abort(new Error('leaving'))
    await assert.rejects(left, /leaving/)
    first.resolve()
    await running
    assert.equal(await last, 'in')
  })

  describe('of which there are several', () => {
    /** Work that says in which lane it is, and stays there until it is let go. */
    const stay = (queue: ReturnType<typeof openExclusiveQueue>) => {
      const inside = Promise.withResolvers<number>()
      const { promise, resolve } = Promise.withResolvers<void>()
      const done = queue.inTurn(async (lane) => {
        inside.resolve(lane)
        await promise
      }, forEver)
      const leave = () => {
        resolve()
        return done
      }
      return { lane: inside.promise, leave }
    }

    it('has as many at once, each in a lane of its own, and the next in the one that is left', async () => {
      const queue = openExclusiveQueue(() => 3)
      const first = [stay(queue), stay(queue), stay(queue)]
      assert.deepEqual(await Promise.all(first.map(({ lane }) => lane)), [1, 2, 3])
      const next = stay(queue)
      await first[1]?.leave()
      assert.equal(await next.lane, 2)
      await Promise.all([next, ...first].map(({ leave }) => leave()))
    })

    it('gives another lane to whoever comes back at once', async () => {
      const queue = openExclusiveQueue(() => 2)
      const lanes = [
        await queue.inTurn(async (lane) => lane, forEver),
        await queue.inTurn(async (lane) => lane, forEver),
      ]
      assert.deepEqual(lanes, [1, 2])
    })

    it('waits for all that is under way when there is one lane again', async () => {
      let count = 3
      const queue = openExclusiveQueue(() => count)
      const first = [stay(queue), stay(queue), stay(queue)]
      await Promise.all(first.map(({ lane }) => lane))
      count = 1
      let isIn = false
      const next = queue.inTurn(async (lane) => {
        isIn = true
        return lane
      }, forEver)
      for (const one of first.slice(0, 2)) await one.leave()
      assert.equal(isIn, false, 'one is still under way')
      await first[2]?.leave()
      assert.equal(await next, 1)
    })
  })

  it('refuses whoever has left before asking', async () => {
    await assert.rejects(
      openExclusiveQueue().inTurn(async () => 'in', AbortSignal.abort(new Error('left'))),
      /left/,
    )
  })
})
