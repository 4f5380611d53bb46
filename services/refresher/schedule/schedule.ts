/**
 * When a schedule fires, decided from two clocks: the wall clock says what time it is, the time since boot (suspends
 * included) says how long it really has been. Whatever the wall clock does, two firings lie at least half an interval and
 * at most one and a half intervals apart (or the machine was asleep). Pure.
 */
import type { CronTimes } from '../../../shared/config/cron-times.ts'

/** Milliseconds. */
export interface Clocks {
  /** Since the epoch; may jump. */
  readonly wallMs: number
  /** Since boot; only goes forward, and goes on during a suspend. */
  readonly elapsedMs: number
}

/** What is known from one look to the next. */
export interface ScheduleMemory {
  /** The wall clock at the last look. */
  readonly lookedMs: number
  /** When the schedule fired last, by the time since boot, on whichever replica; at the first look where it never did. */
  readonly firedElapsedMs: number
  /** The due time it fired for; undefined where it never did. */
  readonly firedDueMs?: number
  /** A due time that was reached and waits for its jitter to pass. */
  readonly waiting?: { readonly dueMs: number; readonly fromElapsedMs: number }
}

export type ScheduleDecision =
  | { readonly kind: 'wait' }
  /** Reached, but it fired so short a time ago that this is the same firing, or a clock that jumped. */
  | { readonly kind: 'pass'; readonly dueMs: number }
  | { readonly kind: 'fire'; readonly dueMs: number }

/** Before anything is known: of a schedule that never fired, or of one whose last firing is on record. */
export function firstMemory(
  { wallMs, elapsedMs }: Clocks,
  record?: { readonly dueMs: number; readonly atMs: number },
): ScheduleMemory {
  if (!record) return { lookedMs: wallMs, firedElapsedMs: elapsedMs }
  return {
    // What came due while nobody looked is caught up, once.
    lookedMs: Math.min(wallMs, record.dueMs),
    firedElapsedMs: elapsedMs - Math.max(0, wallMs - record.atMs),
    firedDueMs: record.dueMs,
  }
}

/** Looks at the clocks. `jitterMs` delays a firing, by a quarter of the interval at most. */
export function lookAtClocks(
  memory: ScheduleMemory,
  { wallMs, elapsedMs }: Clocks,
  times: CronTimes,
  jitterMs: number,
): { readonly memory: ScheduleMemory; readonly decision: ScheduleDecision } {
  const { waiting: before, ...rest } = memory
  const looked: ScheduleMemory = { ...rest, lookedMs: wallMs }
  const around = times(wallMs)
  if (!around) return { memory: looked, decision: { kind: 'wait' } }
  const dueMs = around.last
  const intervalMs = dueMs - around.before
  const sinceFired = elapsedMs - memory.firedElapsedMs

  const reached = dueMs > memory.lookedMs
  if (reached && isTooSoon(memory, dueMs, intervalMs, sinceFired))
    return { memory: looked, decision: { kind: 'pass', dueMs } }
  const waiting = reached
    ? { dueMs, fromElapsedMs: elapsedMs + Math.min(jitterMs, intervalMs / 4) }
    : before && !isTooSoon(memory, before.dueMs, intervalMs, sinceFired)
      ? before
      : undefined

  const isOverdue = sinceFired > 1.5 * (around.next - dueMs)
  if (isOverdue)
    return { memory: { ...looked, ...(waiting && { waiting }) }, decision: { kind: 'fire', dueMs } }
  if (!waiting) return { memory: looked, decision: { kind: 'wait' } }
  const isOn = elapsedMs >= waiting.fromElapsedMs
  return {
    memory: { ...looked, waiting },
    decision: isOn ? { kind: 'fire', dueMs: waiting.dueMs } : { kind: 'wait' },
  }
}

function isTooSoon(
  { firedDueMs }: ScheduleMemory,
  dueMs: number,
  intervalMs: number,
  sinceFiredMs: number,
): boolean {
  if (firedDueMs === undefined) return false
  // The same time again after nearly an interval: the wall clock was set back. Sooner: another replica's clock is ahead.
  return sinceFiredMs < intervalMs * (dueMs === firedDueMs ? 0.75 : 0.5)
}
