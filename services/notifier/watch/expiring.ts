/** Decides which tokens people are warned of: those that end soon and are not replaced, and again at each halving. Pure. */
import type { Entry, Site } from '../../../shared/config/site.ts'
import { entryNamed } from '../../../shared/work/find-entry.ts'
import type { TargetRecord } from '../../../shared/work/target-record.ts'
import type { Warned } from '../failures/warning-store.ts'

/** Less than that is not halved any more: the next word is that the token has ended (milliseconds). */
const shortestMs = 60 * 60_000
export const ended = 1_000

/** 0: not yet. 1: less life left than `warnBeforeMs`, 2: than half of it, and so on; {@link ended} at the end. */
export function urgencyOf(leftMs: number, warnBeforeMs: number): number {
  if (leftMs <= 0) return ended
  if (leftMs > warnBeforeMs) return 0
  const halvings = (ms: number) => Math.floor(Math.log2(warnBeforeMs / ms))
  return 1 + Math.max(0, Math.min(halvings(leftMs), halvings(shortestMs)))
}

/** A credd or a node as its record stands, and whether it or its entry's refresh failed in the last run counted. */
export interface KeptTarget {
  readonly key: string
  readonly record: TargetRecord
  readonly isFailing: boolean
}

/** A token that is replaced as it should be is no news, however short its life. */
export function isReplaced(
  { record, isFailing }: KeptTarget,
  periodMs: number | undefined,
  now: Date,
): boolean {
  const { lastSuccess } = record
  if (isFailing || lastSuccess === undefined) return false
  return now.getTime() - Date.parse(lastSuccess) <= 2 * (periodMs ?? unscheduledMs)
}

/** Without a schedule, somebody else starts the runs: at least once a day (milliseconds). */
const unscheduledMs = 12 * 60 * 60_000

export type WarningDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'warn'; readonly warned: Warned }
  /** People were warned, and it was replaced. */
  | { readonly kind: 'over'; readonly since: string }

/** What is said of one target, given what was said before. */
export function decideWarning(
  target: KeptTarget,
  before: Warned | undefined,
  { periodMs, warnBeforeMs }: { periodMs: number | undefined; warnBeforeMs: number },
  now: Date,
): WarningDecision {
  const { expiry } = target.record
  const urgency =
    expiry === undefined || isReplaced(target, periodMs, now)
      ? 0
      : urgencyOf(Date.parse(expiry) - now.getTime(), warnBeforeMs)
  if (urgency === 0 || expiry === undefined)
    return before ? { kind: 'over', since: before.since } : { kind: 'nothing' }
  if (before && before.expiry === expiry && before.urgency >= urgency) return { kind: 'nothing' }
  return { kind: 'warn', warned: { expiry, urgency, since: before?.since ?? now.toISOString() } }
}

/** The entry whose target this is, where the configuration still has both; `credds` of its last token, as far as known. */
export function entryOfTarget(
  { key, record }: Pick<KeptTarget, 'key' | 'record'>,
  site: Pick<Site, 'entries'>,
  credds: readonly string[] | undefined,
): Entry | undefined {
  const entry = entryNamed(site.entries, record.entry)
  if (!entry || record.target === undefined) return undefined
  const wanted = key.startsWith('push.') ? entry.nodes : (entry.credds ?? credds)
  const isGone =
    (wanted && !wanted.includes(record.target)) ||
    (key.startsWith('store.') && entry.tokenGetter !== 'storeAndGetToken')
  return isGone ? undefined : entry
}
