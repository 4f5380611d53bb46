/**
 * Fires a schedule among replicas: who writes the firing into the bucket `targets` first may act on it, and a firing that
 * its holder did not finish is taken over. A firing is lost only together with the bus's whole store.
 */
import { randomUUID } from 'node:crypto'
import { uptime } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import { writeAt } from '../../../shared/bus/compare-and-set.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import type { CronTimes, DueTimes } from '../../../shared/config/cron-times.ts'
import { time, timestamp } from '../../../shared/contracts/messages.ts'
import { runId } from '../../../shared/contracts/run-id.ts'
import { scheduleKey } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { type Clocks, firstMemory, lookAtClocks, type ScheduleMemory } from './schedule.ts'

/** The value of `schedule.<name>` in the bucket `targets`. */
const firingRecord = z.object({
  due: time.describe('The time of the schedule this was fired for.'),
  at: time.describe('When it was claimed, by the clock of whoever did.'),
  holder: z.string().describe('Random id of the replica that acts on it.'),
  /** What the holder wrote down about what it began, for whoever takes over. */
  begun: runId.optional(),
  done: z.boolean(),
})
type FiringRecord = z.infer<typeof firingRecord>

/** A firing that is ours to act on. */
export interface Firing {
  readonly due: string
  /** What an earlier holder, who did not finish, wrote down. */
  readonly begun: string | undefined
  /** Writes down what is about to begin. Throws when the firing was taken over meanwhile. */
  begin(what: string): Promise<void>
}

/** The id that an earlier holder began with, or a new one, written down before it is used. */
export async function beginWith({ begun, begin }: Firing, mint: () => Promise<string>): Promise<string> {
  if (begun) return begun
  const id = await mint()
  await begin(id)
  return id
}

export interface ScheduleOptions {
  readonly name: 'run' | 'uids' | 'bearers'
  readonly targets: KV
  readonly log: Logger
  /** Undefined: switched off now. */
  readonly times: () => CronTimes | undefined
  /** The longest delay after the due time (milliseconds); each firing picks its own. */
  readonly jitterMs: () => number
  /** Must be safe to run again with what it said that it had begun. */
  readonly act: (firing: Firing) => Promise<void>
  /** How long a holder may take before it is given up (milliseconds). */
  readonly patienceMs: number
  readonly clocks?: () => Clocks
  readonly random?: () => number
}

const systemClocks = (): Clocks => ({ wallMs: Date.now(), elapsedMs: uptime() * 1_000 })
/** How often the clocks are looked at (milliseconds): while a firing is near or under way, and else. */
const periodMs = { near: 1_000, quiet: 10_000 }

/** Looks until disposed. A look that fails is repeated at the next. */
export function keepSchedule(options: ScheduleOptions): AsyncDisposable {
  const schedule = openSchedule(options)
  const stop = new AbortController()
  const looking = lookOn()

  async function lookOn(): Promise<void> {
    let againMs = periodMs.near
    while (!stop.signal.aborted) {
      await sleep(againMs, undefined, { signal: stop.signal }).catch(() => undefined)
      if (stop.signal.aborted) return
      againMs = await schedule.look().catch((error: unknown) => {
        options.log.warn({ err: error }, `schedule ${options.name}: trying again`)
        return periodMs.near
      })
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await looking
    },
  }
}

/** What was last found on record, and when by the time since boot. */
interface Seen {
  readonly revision: number
  readonly firing: string
  readonly elapsedMs: number
}

interface Found {
  readonly revision: number
  /** Undefined where it cannot be read. */
  readonly record: FiringRecord | undefined
}

/** The same without a timer of its own: `look` fires when it is time, and says when to look again (milliseconds). */
export function openSchedule(options: ScheduleOptions): { look(): Promise<number> } {
  const { targets, log, clocks = systemClocks, random = Math.random } = options
  const key = scheduleKey(options.name)
  const holder = randomUUID()
  let memory: ScheduleMemory | undefined
  let seen: Seen | undefined

  async function look(): Promise<number> {
    const times = options.times()
    if (!times) {
      memory = undefined
      return periodMs.quiet
    }
    const now = clocks()
    const found = await read()
    memory = learn(found, now)
    if (found?.record && !found.record.done && isGivenUp(now)) {
      log.warn(
        { due: found.record.due },
        `schedule ${options.name}: its holder did not finish, going on for it`,
      )
      await fire(found.record.due, found, found.record.begun)
      return periodMs.near
    }
    const looked = lookAtClocks(memory, now, times, options.jitterMs() * random())
    memory = looked.memory
    const { decision } = looked
    if (decision.kind === 'pass')
      log.info({ due: timestamp(new Date(decision.dueMs)) }, `schedule ${options.name}: fired a moment ago`)
    if (decision.kind === 'fire') await fire(timestamp(new Date(decision.dueMs)), found, undefined)
    const isUnderWay = memory.waiting !== undefined || found?.record?.done === false
    return isUnderWay || decision.kind === 'fire' ? periodMs.near : untilNext(times(now.wallMs), now)
  }

  /** Not past the next due time, and often enough for a wall clock that was set. */
  function untilNext(around: DueTimes | undefined, { wallMs }: Clocks): number {
    const leftMs = (around?.next ?? Number.POSITIVE_INFINITY) - wallMs
    return Math.max(periodMs.near, Math.min(periodMs.quiet, leftMs))
  }

  /** Whoever fired last: this is when we learned of it. */
  function learn(found: Found | undefined, now: Clocks): ScheduleMemory {
    const record = found?.record
    const firing = record ? `${record.holder} ${record.at}` : ''
    const isNews = firing !== '' && firing !== seen?.firing
    if (found && found.revision !== seen?.revision)
      seen = { revision: found.revision, firing, elapsedMs: now.elapsedMs }
    const [dueMs, atMs] = [Date.parse(record?.due ?? ''), Date.parse(record?.at ?? '')]
    if (!memory) return firstMemory(now, record && { dueMs, atMs })
    return isNews ? { ...memory, firedElapsedMs: now.elapsedMs, firedDueMs: dueMs } : memory
  }

  const isGivenUp = ({ elapsedMs }: Clocks) =>
    seen !== undefined && elapsedMs - seen.elapsedMs >= options.patienceMs

  async function fire(due: string, found: Found | undefined, begun: string | undefined): Promise<void> {
    let record: FiringRecord = {
      ...{ due, holder, done: false, at: timestamp(new Date(clocks().wallMs)) },
      ...(begun ? { begun } : {}),
    }
    let revision = await write(record, found?.revision ?? 0)
    if (revision === undefined) return
    const { wallMs, elapsedMs } = clocks()
    memory = { lookedMs: wallMs, firedElapsedMs: elapsedMs, firedDueMs: Date.parse(due) }
    seen = { revision, firing: `${holder} ${record.at}`, elapsedMs }
    const change = async (next: FiringRecord) => {
      revision = await write(next, revision ?? 0)
      if (revision === undefined) throw new Error(`schedule ${options.name}: another replica has taken over`)
      record = next
    }
    await options.act({ due, begun, begin: (what) => change({ ...record, begun: what }) })
    await change({ ...record, done: true })
  }

  async function read(): Promise<Found | undefined> {
    const { value: record, revision } = await readValue(targets, key, firingRecord)
    return revision === 0 ? undefined : { record, revision }
  }

  const write = (record: FiringRecord, revision: number) =>
    writeAt(targets, key, JSON.stringify(record), revision)

  return { look }
}
