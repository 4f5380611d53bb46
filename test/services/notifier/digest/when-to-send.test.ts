import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sendAt, withUnheard } from '../../../../services/notifier/digest/when-to-send.ts'

const pause = { quietMs: 1_000, mostMs: 30_000 }
const heard = { isEmpty: true, behindMs: 0 }
const unheard = (behindMs: number) => ({ isEmpty: false, behindMs })

describe('news is sent', () => {
  const table: Record<string, [first: number, last: number, at: number]> = {
    'after a moment, where it is the only one': [0, 0, 1_000],
    'a moment after the last of it': [0, 5_000, 6_000],
    'after as long as is said, though more comes all the time': [0, 29_900, 30_000],
  }
  for (const [what, [first, last, at]] of Object.entries(table))
    it(what, () => assert.equal(sendAt({ first, last }, pause), at))
})

describe('what lies unheard on the bus', () => {
  const waiting = { first: 0, last: 500 }
  const after = (backlog: typeof heard, now: number) => sendAt(withUnheard(waiting, backlog, now), pause)
  it('is waited for, and nothing else is', () => {
    assert.equal(after(heard, 2_000), 1_500)
    assert.equal(after(unheard(100), 2_000), 3_000)
  })
  it('is waited for no longer than is said', () => assert.equal(after(unheard(100), 29_500), 30_000))
  it('for long, after the notifier was away, is heard first, however long that takes', () =>
    assert.equal(after(unheard(3_600_000), 50_000), 51_000))
})
