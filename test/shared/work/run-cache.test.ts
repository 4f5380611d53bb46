/** A question that many entries of a run have in common is asked once. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openRunCache } from '../../../shared/work/run-cache.ts'

describe('answers of a run', () => {
  function counted() {
    const asked: string[] = []
    const cache = openRunCache()
    const once = (run: string, question: string, answer = question) =>
      cache.once(run, [question], async () => {
        asked.push(`${run} ${question}`)
        return answer
      })
    return { asked, once, cache }
  }
  it('are asked for once, however many ask at the same time or later', async () => {
    const { asked, once } = counted()
    const both = await Promise.all([once('A', 'who'), once('A', 'who')])
    assert.deepEqual([...both, await once('A', 'who', 'somebody else')], ['who', 'who', 'who'])
    assert.deepEqual(asked, ['A who'])
  })
  it('differ by question and are asked for again in the next run', async () => {
    const { asked, once } = counted()
    await once('A', 'who')
    await once('A', 'where')
    await once('B', 'who')
    await once('A', 'who')
    assert.deepEqual(asked, ['A who', 'A where', 'B who', 'A who'], 'an older run asks for itself')
  })
  it('that failed are a failure for everybody who waits, and are asked for again later', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { cache } = counted()
    let tries = 0
    const fail = () =>
      cache.once('A', ['who'], async () => {
        tries += 1
        throw new Error(`no answer ${tries}`)
      })
    const outcomes = await Promise.allSettled([fail(), fail()])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal(tries, 1)
    t.mock.timers.tick(3_000)
    await assert.rejects(fail(), { message: 'no answer 2' })
  })
})
