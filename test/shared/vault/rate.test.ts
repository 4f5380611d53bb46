/** How often Vault is asked: as fast as it goes, until it says that this is too fast; a configured limit is never exceeded. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pauseLeft } from '../../../shared/vault/pause.ts'
import { type Allowance, believable, rateAt, slowDown, takeRequests } from '../../../shared/vault/rate.ts'

const fiveMinutes = 5 * 60_000
const hour = 60 * 60_000
const day = 24 * hour
const start = Date.UTC(2026, 0, 1)

/** What is left after so many have asked at the same time, and how long each of them waits. */
function askAtOnce(times: number, requests: number, configured?: number, before?: Allowance, now = start) {
  let next = before
  const waits: number[] = []
  for (let asked = 0; asked < times; asked++) {
    const taken = takeRequests(next, requests, configured, now)
    waits.push(taken.waitMs)
    next = taken.next
  }
  return { next, waits }
}

describe('without a limit', () => {
  it('forty services in two credds each wait for nothing', () => {
    const { waits } = askAtOnce(40 + 80, 6)
    assert.equal(Math.max(...waits), 0)
  })
})

describe('a configured limit', () => {
  it('lets a third through at once and spreads the others evenly', () => {
    const { waits } = askAtOnce(30, 4, 300)
    assert.deepEqual(waits.slice(0, 25), Array(25).fill(0))
    assert.deepEqual(waits.slice(25), [6_000, 12_000, 18_000, 24_000, 30_000])
  })

  it('is never exceeded in any five minutes, whoever asks and whenever', () => {
    const steps = fc.array(
      fc.record({ afterMs: fc.integer({ min: 0, max: 60_000 }), requests: fc.integer({ min: 1, max: 5 }) }),
      { minLength: 1, maxLength: 200 },
    )
    const property = fc.property(steps, fc.integer({ min: 30, max: 1_000 }), (asks, limit) => {
      let before: Allowance | undefined
      let now = start
      const sent: { at: number; requests: number }[] = []
      for (const { afterMs, requests } of asks) {
        now += afterMs
        const { next, waitMs } = takeRequests(before, requests, limit, now)
        before = next
        sent.push({ at: now + waitMs, requests })
      }
      for (const { at } of sent) {
        const inWindow = sent.filter((one) => one.at >= at && one.at < at + fiveMinutes)
        const count = inWindow.reduce((sum, { requests }) => sum + requests, 0)
        assert.ok(count <= limit + 5, `${count} of ${limit}`)
      }
    })
    fc.assert(property)
  })

  it('is not blocked for an hour by a clock that was an hour ahead', () => {
    const ahead = takeRequests(undefined, 4, 300, start + hour).next
    assert.equal(takeRequests(ahead, 4, 300, start).waitMs, 0)
  })

  it('is whole again after five quiet minutes', () => {
    const { next } = askAtOnce(25, 4, 300)
    assert.equal(takeRequests(next, 100, 300, start + fiveMinutes).waitMs, 0)
  })
})

describe('after a rate limit', () => {
  const { next: asked } = askAtOnce(100, 4)
  const slowed = slowDown(asked, fiveMinutes, start)
  const over = start + fiveMinutes

  it('half of what was asked is allowed from the end of the pause on', () => {
    assert.equal(rateAt(slowed, over), 200)
  })
  it('no request is owed then: a third may come at once', () => {
    const { waits } = askAtOnce(70, 1, undefined, slowed, over)
    assert.equal(waits.filter((wait) => wait === 0).length, 66)
  })
  it('what others meet of the same limit changes nothing', () => {
    assert.deepEqual(slowDown(slowed, fiveMinutes, start + 10_000).limit, slowed.limit)
  })
  it('the rate grows back evenly, and past where it was, until there is none', () => {
    const minutes = (count: number) => rateAt(slowed, over + count * 60_000)
    assert.deepEqual([7.5, 15, 30, 44, 45].map(minutes), [
      300,
      400,
      600,
      200 * (1 + 44 / 15),
      Number.POSITIVE_INFINITY,
    ])
  })
  it('another one halves what was allowed, and the growth is four times as slow', () => {
    const again = slowDown(slowed, fiveMinutes, over + 15 * 60_000)
    assert.deepEqual([again.limit?.rate, again.limit?.growMs], [100, hour])
  })
  it('a configured limit holds where it is lower', () => {
    const { waits } = askAtOnce(15, 1, 30, slowed, over)
    assert.equal(waits.filter((wait) => wait === 0).length, 10)
  })
  it('one that comes when little was asked leaves room for a small site: others have used it up', () => {
    assert.equal(slowDown(askAtOnce(1, 4).next, fiveMinutes, start).limit?.rate, 120)
  })
})

describe('what lies in the bucket', () => {
  const soon = { paidUntil: start + 1_000, at: start, sent: 3 }
  const limit = { rate: 100, since: start, growMs: hour }
  const sentences: Record<string, [unknown, Allowance | undefined]> = {
    'is believed': [soon, soon],
    'is believed with what a limit has taught': [
      { ...soon, limit },
      { ...soon, limit },
    ],
    'by an earlier version is believed too': [
      { paidUntil: start, at: start },
      { paidUntil: start, at: start, sent: 0 },
    ],
    'is as good as absent where it is no object': ['garbage', undefined],
    'is as good as absent where a part is missing': [{ paidUntil: start }, undefined],
    'is as good as absent where the rate would let nothing through': [
      { ...soon, limit: { ...limit, rate: 0 } },
      undefined,
    ],
    'stops nobody for a year': [
      { ...soon, paidUntil: start + 365 * day },
      { ...soon, paidUntil: start + 2 * fiveMinutes },
    ],
    'by a clock a year ahead owes only what it owed there': [
      { paidUntil: start + 365 * day + 1_000, at: start + 365 * day, sent: 3 },
      soon,
    ],
    'says of a limit to come that it begins now': [
      { ...soon, limit: { ...limit, since: start + 365 * day } },
      { ...soon, limit: { ...limit, since: start + fiveMinutes } },
    ],
  }
  for (const [sentence, [read, expected]] of Object.entries(sentences))
    it(sentence, () => assert.deepEqual(believable(read, start), expected))
})

describe('a pause', () => {
  const sentences: Record<string, [left: number, expected: number]> = {
    'lasts as long as it says': [pauseLeft(200_000, 0, fiveMinutes), 200_000],
    'is over when it says': [pauseLeft(-1, 200_000, fiveMinutes), -1],
    'of a year lasts as long as ours do': [pauseLeft(365 * day, 0, fiveMinutes), fiveMinutes],
    'of a year is over after that': [pauseLeft(365 * day, fiveMinutes, fiveMinutes), 0],
  }
  for (const [sentence, [left, expected]] of Object.entries(sentences))
    it(sentence, () => assert.equal(left, expected))
})

/** A Vault that serves so many requests of a client in five minutes, then refuses it for as long. */
function openVault(quota: number) {
  let window = { until: 0, count: 0 }
  let blockedUntil = 0
  return {
    quota,
    refuses(now: number): boolean {
      if (now < blockedUntil) return true
      if (now >= window.until) window = { until: now + fiveMinutes, count: 0 }
      window.count += 1
      if (window.count <= this.quota) return false
      blockedUntil = now + fiveMinutes
      return true
    },
  }
}

interface Demand {
  readonly asks: number
  readonly requests: number
  readonly begin: number
  /** Between the clocks of the two daemons. */
  readonly skewMs: number
  /** By how much all clocks are wrong. */
  readonly setMs?: number
}

/** One run of so many askings, a few at a time, by two daemons whose clocks differ. Answers limits met, and how long it took. */
function run(
  vault: ReturnType<typeof openVault>,
  before: Allowance | undefined,
  { asks, requests, begin, skewMs, setMs = 0 }: Demand,
) {
  let [known, now, limits, pausedUntil] = [before, begin, 0, 0]
  for (let asked = 0; asked < asks; asked++) {
    const clock = (at: number) => at + setMs + (asked % 2) * skewMs
    now = Math.max(now + 300, pausedUntil)
    const taken = takeRequests(known, requests, undefined, clock(now))
    known = taken.next
    now += taken.waitMs
    const isRefused = Array.from({ length: requests }, () => vault.refuses(now)).includes(true)
    if (!isRefused) continue
    limits += 1
    asked -= 1
    known = slowDown(known, fiveMinutes, clock(now))
    pausedUntil = now + fiveMinutes
  }
  return { known, limits, tookMs: now - begin }
}

describe('run after run', () => {
  const site = fc.record({
    quota: fc.integer({ min: 60, max: 1_000 }),
    asks: fc.integer({ min: 10, max: 200 }),
    requests: fc.integer({ min: 2, max: 7 }),
    skewMs: fc.integer({ min: -1_000, max: 1_000 }),
  })
  /** All clocks are set, by so much. */
  const jump = fc.constantFrom(0, hour, -hour, day, -day, 365 * day)

  it('a Vault with a quota answers that it is too fast a few times, then about once a day', () => {
    fc.assert(
      fc.property(site, jump, ({ quota, asks, requests, skewMs }, jumpMs) => {
        const vault = openVault(quota)
        let known: Allowance | undefined
        const limits: number[] = []
        for (let begin = start; begin < start + 7 * day; ) {
          const today = Math.floor((begin - start) / day)
          const setMs = today < 3 ? 0 : jumpMs
          const ran = run(vault, known, { asks, requests, begin, skewMs, setMs })
          known = ran.known
          limits[today] = (limits[today] ?? 0) + ran.limits
          begin += Math.max(hour, ran.tookMs)
        }
        // What is learned on the first day is learned anew where a clock has jumped a year ahead.
        const [first = 0, ...later] = limits
        assert.ok(first <= 12 && Math.max(...later) <= 4, `${limits}`)
        assert.ok(later.reduce((sum, count) => sum + count, 0) <= 12, `${limits}`)
      }),
      { numRuns: 60 },
    )
  })

  it('is at full speed again within days after the quota is gone', () => {
    fc.assert(
      fc.property(site, ({ quota, asks, requests, skewMs }) => {
        const vault = openVault(quota)
        let known: Allowance | undefined
        let begin = start
        while (begin < start + 3 * day) {
          const ran = run(vault, known, { asks, requests, begin, skewMs })
          known = ran.known
          begin += Math.max(hour, ran.tookMs)
        }
        vault.quota = Number.POSITIVE_INFINITY
        begin += 4 * day
        const { limits, tookMs } = run(vault, known, { asks, requests, begin, skewMs })
        assert.deepEqual([limits, tookMs], [0, asks * 300])
      }),
      { numRuns: 40 },
    )
  })
})
