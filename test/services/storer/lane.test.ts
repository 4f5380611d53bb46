/** The lane: one at a time, in order, whatever each of them does. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openLane } from '../../../services/storer/lane.ts'

const forEver = new AbortController().signal

describe('the lane', () => {
  it('lets in one after the other, in the order of asking', async () => {
    const lane = openLane()
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
    const lane = openLane()
    const failing = lane.run(() => Promise.reject(new Error('it broke')), forEver)
    const next = lane.run(async () => 'went on', forEver)
    await assert.rejects(failing, /it broke/)
    assert.equal(await next, 'went on')
  })

  it('passes over whoever does not want to wait any more', async () => {
    const lane = openLane()
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
      openLane().run(async () => 'in', AbortSignal.abort(new Error('left'))),
      /left/,
    )
  })

  it('is calm when the one who has it is underway, and not while that one is about to start', async () => {
    const lane = openLane()
    const seen: string[] = []
    const end = Promise.withResolvers<void>()
    const start = Promise.withResolvers<void>()
    await lane.calm()
    const running = lane.run(async ({ underway }) => {
      await start.promise
      seen.push('underway')
      underway()
      await end.promise
    }, forEver)
    const calm = lane.calm().then(() => seen.push('calm'))
    start.resolve()
    await calm
    assert.deepEqual(seen, ['underway', 'calm'])
    end.resolve()
    await running
    await lane.calm()
  })

  it('is calm again after work that never got underway', async () => {
    const lane = openLane()
    await lane.run(async () => undefined, forEver)
    await lane.calm()
  })

  it('lets the next one ask when the one before is about to end, and asks for nobody twice', async () => {
    const lane = openLane()
    const asked: string[] = []
    const end = Promise.withResolvers<void>()
    const start = (name: string, work: (closing: () => void) => Promise<void>) =>
      lane.run(
        async ({ approached, closing }) => {
          assert.equal(await approached, `${name} may`)
          await work(closing)
        },
        forEver,
        async () => {
          asked.push(name)
          return `${name} may`
        },
      )
    const runs = [
      start('a', async (closing) => {
        assert.deepEqual(asked, ['a'])
        closing()
        closing()
        assert.deepEqual(asked, ['a', 'b'])
        await end.promise
      }),
      start('b', async () => assert.deepEqual(asked, ['a', 'b'])),
      start('c', async () => undefined),
    ]
    end.resolve()
    await Promise.all(runs)
    assert.deepEqual(asked, ['a', 'b', 'c'])
  })
})
