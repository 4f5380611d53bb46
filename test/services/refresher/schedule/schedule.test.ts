/** When a schedule fires: in every hour once, whatever the clocks of its replicas do. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  firstMemory,
  lookAtClocks,
  type ScheduleDecision,
  type ScheduleMemory,
} from '../../../../services/refresher/schedule/schedule.ts'
import { type CronTimes, cronTimes } from '../../../../shared/config/cron-times.ts'

const minute = 60_000
const hour = 60 * minute
/** A function, since each replica remembers the hour it is in. */
const hourly = () => cronTimes('58 * * * *', 'UTC')
/** Between looks. */
const step = 20_000
const start = Date.parse('2025-06-01T09:30:00Z')

/** One replica as `keep-schedule` drives it: looks, and learns what the others fired. */
function replica(jitterMs: number, times: CronTimes) {
  let memory: ScheduleMemory | undefined
  return {
    learn(dueMs: number, elapsedMs: number) {
      if (memory) memory = { ...memory, firedElapsedMs: elapsedMs, firedDueMs: dueMs }
    },
    look(wallMs: number, elapsedMs: number): ScheduleDecision {
      memory ??= firstMemory({ wallMs, elapsedMs })
      const looked = lookAtClocks(memory, { wallMs, elapsedMs }, times, jitterMs)
      memory = looked.memory
      return looked.decision
    },
  }
}

/** What happens on a machine, in true time (milliseconds). */
interface Event {
  readonly afterMs: number
  /** The wall clock is then so much ahead. */
  readonly offsetMs?: number
  /** Nobody looks for so long. */
  readonly asleepMs?: number
}

/** True times of the firings among replicas over `lengthMs`, each with events of its own. */
function simulate(lengthMs: number, machines: readonly (readonly Event[])[], jitterMs = 0, times = hourly) {
  const replicas = machines.map((events) => ({
    ...replica(jitterMs, times()),
    queue: events.map((event) => ({ ...event })),
    sinceMs: 0,
    offsetMs: 0,
    awakeMs: 0,
  }))
  const fired: number[] = []
  for (let trueMs = 0; trueMs < lengthMs; trueMs += step)
    for (const one of replicas) {
      const [event] = one.queue
      if (event && trueMs - one.sinceMs >= event.afterMs) {
        one.queue.shift()
        one.sinceMs = trueMs
        one.offsetMs = event.offsetMs ?? one.offsetMs
        if (event.asleepMs) one.awakeMs = trueMs + event.asleepMs
      }
      if (trueMs < one.awakeMs) continue
      const decision = one.look(start + trueMs + one.offsetMs, trueMs)
      if (decision.kind !== 'fire') continue
      fired.push(trueMs)
      for (const other of replicas) other.learn(decision.dueMs, trueMs)
    }
  return fired
}

const inMinutes = (fired: readonly number[]) => fired.map((ms) => Math.round(ms / minute))
const gaps = (fired: readonly number[]) => fired.slice(1).map((ms, index) => ms - (fired[index] ?? 0))

describe('a schedule', () => {
  it('fires at its times and not at its start', () => {
    assert.deepEqual(inMinutes(simulate(4 * hour, [[]])), [28, 88, 148, 208])
  })

  it('fires once among replicas, the first whose jitter has passed', () => {
    const fired = simulate(4 * hour, [[], [], []], 30_000)
    assert.deepEqual(inMinutes(fired.map((ms) => ms - 30_000)), [28, 88, 148, 208])
  })

  it('catches up once what came due while nobody ran', () => {
    const dueMs = Date.parse('2025-06-01T04:58:00Z')
    const memory = firstMemory({ wallMs: start, elapsedMs: 7 }, { dueMs, atMs: dueMs })
    const { decision, memory: next } = lookAtClocks(memory, { wallMs: start, elapsedMs: 7 }, hourly(), 0)
    assert.deepEqual(decision, { kind: 'fire', dueMs: Date.parse('2025-06-01T08:58:00Z') })
    const after = { ...next, firedElapsedMs: 7, firedDueMs: decision.kind === 'fire' ? decision.dueMs : 0 }
    const again = lookAtClocks(after, { wallMs: start + 1_000, elapsedMs: 1_007 }, hourly(), 0)
    assert.equal(again.decision.kind, 'wait')
  })

  it('fires once after a long sleep', () => {
    const fired = simulate(10 * hour, [[{ afterMs: 40 * minute, asleepMs: 5 * hour }]])
    assert.deepEqual(inMinutes(fired), [28, 340, 388, 448, 508, 568])
  })

  it('neither doubles nor skips when the clock is set an hour ahead and back', () => {
    const fired = simulate(6 * hour, [
      [
        { afterMs: 40 * minute, offsetMs: hour },
        { afterMs: 30 * minute, offsetMs: 0 },
      ],
    ])
    assert.deepEqual(inMinutes(fired), [28, 88, 148, 208, 268, 328])
  })

  it('neither doubles nor skips when the clock is set an hour back', () => {
    const fired = simulate(6 * hour, [[{ afterMs: 40 * minute, offsetMs: -hour }]])
    assert.deepEqual(inMinutes(fired), [28, 88, 148, 208, 268, 328])
  })

  it('does not fire twice where one replica’s clock is half an hour ahead', () => {
    const fired = simulate(6 * hour, [[{ afterMs: 0, offsetMs: 30 * minute }], []])
    assert.ok(
      gaps(fired)
        .slice(1)
        .every((gap) => gap === hour),
      `${inMinutes(fired)}`,
    )
  })

  it('fires once a day across both changes of daylight saving time', () => {
    const daily = () => cronTimes('30 2 * * *', 'America/Chicago')
    for (const day of ['2025-03-07T20:00:00Z', '2025-10-31T20:00:00Z']) {
      const offsetMs = Date.parse(day) - start
      const fired = simulate(96 * hour, [[{ afterMs: 0, offsetMs }]], 0, daily)
      assert.equal(fired.length, 4, `four nights from ${day}: ${inMinutes(fired)}`)
    }
  })

  it('fires once an hour across both changes of daylight saving time', () => {
    const local = () => cronTimes('58 * * * *', 'America/Chicago')
    for (const day of ['2025-03-09T05:30:00Z', '2025-11-02T04:30:00Z']) {
      const offsetMs = Date.parse(day) - start
      const fired = simulate(8 * hour, [[{ afterMs: 0, offsetMs }]], 0, local)
      assert.deepEqual(inMinutes(fired), [28, 88, 148, 208, 268, 328, 388, 448])
    }
  })

  const jumps = fc.record({
    afterMs: fc.integer({ min: 0, max: 3 * hour }),
    offsetMs: fc.constantFrom(-hour, 0, hour, -20 * minute, 20 * minute),
  })

  it('whatever the clocks do, two firings are at least half an interval and at most one and a half apart', () => {
    const property = fc.property(
      fc.array(fc.array(jumps, { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
      (machines) => {
        const apart = gaps(simulate(24 * hour, machines))
        assert.ok(
          apart.every((gap) => gap >= hour / 2 - step && gap <= 1.5 * hour + 2 * step),
          `${inMinutes(apart)}`,
        )
      },
    )
    fc.assert(property, { numRuns: 40 })
  })

  it('sleeping machines fire when they wake, and never in a burst', () => {
    const sleeps = fc.record({
      afterMs: fc.integer({ min: 0, max: 3 * hour }),
      asleepMs: fc.integer({ min: minute, max: 6 * hour }),
    })
    const property = fc.property(fc.array(fc.oneof(jumps, sleeps), { maxLength: 8 }), (events) => {
      const fired = simulate(48 * hour, [events])
      const asleep = events.reduce((sum, event) => sum + ('asleepMs' in event ? event.asleepMs : 0), 0)
      assert.ok(
        gaps(fired).every((gap) => gap >= hour / 2 - step && gap <= 1.5 * hour + asleep + 2 * step),
        `${inMinutes(fired)}`,
      )
    })
    fc.assert(property, { numRuns: 40 })
  })
})
