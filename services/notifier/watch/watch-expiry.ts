/** Watches how long tokens on nodes and in credds still live, and warns of those that are not replaced. */
import type { KV } from '@nats-io/kv'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { encodeToken, refreshSubject, warningKeys } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { entryNamed } from '../../../shared/work/find-entry.ts'
import { type Ending, readTargets, type TargetRecord } from '../../../shared/work/target-record.ts'
import type { CauseCount, FailureCount } from '../failures/consecutive-failures.ts'
import { failingKey, type Kept, readFailures } from '../failures/failure-store.ts'
import type { Warned } from '../failures/warning-store.ts'
import type { News } from '../news/news.ts'
import type { NewsKeeper } from '../news/news-store.ts'
import { decideWarning, entryOfTarget, type KeptTarget } from './expiring.ts'
import { schedulePeriodMs } from './schedule-period.ts'

export interface ExpiryDeps {
  readonly site: () => Site
  readonly news: NewsKeeper
  readonly failures: KV
  readonly targets: KV
}

/** One look at all targets: adds what people have to hear. */
export async function watchExpiry(deps: ExpiryDeps, now: Date): Promise<void> {
  const site = deps.site()
  const settings = {
    periodMs: schedulePeriodMs(site, now),
    warnBeforeMs: site.notifications.warnBeforeMs,
  }
  const records = await readTargets(deps.targets, withoutFacts)
  const { counts, causes, warnings } = await readFailures(deps.failures)
  const seen = new Set<string>()
  for (const [key, record] of records) {
    if (!/^(store|push)\./.test(key)) continue
    const entry = entryOfTarget({ key, record }, site, creddsOf(records, record.entry, site))
    if (!entry) continue
    seen.add(key)
    const failing = failingOf(key, record, entry, counts)
    const target = { key, record, isFailing: failing.length > 0 }
    const before = warnings.get(key)
    const decision = decideWarning(target, before, settings, now)
    const cause = failing.flatMap((count) => causes.get(count.cause ?? '') ?? [])[0]
    if (decision.kind === 'warn') await warn(target, entry, decision.warned, cause, deps, now)
    if (decision.kind === 'over')
      await endWarning(target, entry, decision.since, { counts, causes }, deps, now)
  }
  // Of what is not configured any more, nobody hears again.
  for (const key of warnings.keys()) if (!seen.has(key)) await deps.failures.delete(warningKeys.key(key))
}

/** A record without the facts that were told of it, but for which credds a token was. */
function withoutFacts({ ended, ...record }: TargetRecord, key: string): TargetRecord {
  if (!key.startsWith('refresh.') || ended?.kind !== 'done') return record
  const messages = ended.messages.map((one) => ({ ...one, body: creddsIn.safeParse(one.body).data ?? {} }))
  return { ...record, ended: { ...ended, messages } as Ending }
}

const creddsIn = z.object({ credds: z.array(z.string()) })

/** The credds that the entry's last token was for: one the collector does not name any more needs no token. */
function creddsOf(records: ReadonlyMap<string, TargetRecord>, entry: string, site: Site) {
  const configured = entryNamed(site.entries, entry)
  const ended = configured && records.get(refreshSubject(configured))?.ended
  const [message] = ended?.kind === 'done' ? ended.messages : []
  return creddsIn.safeParse(message?.body).data?.credds
}

const whereOf = (key: string): 'node' | 'credd' => (key.startsWith('push.') ? 'node' : 'credd')

const countOf = (
  key: string,
  { entry, target = '' }: TargetRecord,
  counts: ReadonlyMap<string, FailureCount>,
) => counts.get(failingKey({ entry, kind: whereOf(key), name: target }))

/** The counts of the target itself and of its entry's refresh, as far as they failed in the last run counted. */
function failingOf(
  key: string,
  record: TargetRecord,
  { name, service }: Entry,
  counts: ReadonlyMap<string, FailureCount>,
): FailureCount[] {
  const refresh = counts.get(failingKey({ entry: name, kind: 'refresh', name: service }))
  return [countOf(key, record, counts), refresh].flatMap((count) => (count && count.runs > 0 ? count : []))
}

function aboutOf({ key, record }: KeptTarget, { name, service }: Entry, now: Date) {
  return {
    ...{ run: record.run, at: now.toISOString(), isTest: false, entry: name, service },
    ...{ where: whereOf(key), name: record.target ?? '', message: '', action: '' },
  } as const
}

async function warn(
  target: KeptTarget,
  entry: Entry,
  next: Warned,
  cause: CauseCount | undefined,
  deps: ExpiryDeps,
  now: Date,
): Promise<void> {
  const { lastSuccess } = target.record
  const piece: News = {
    ...aboutOf(target, entry, now),
    ...{ kind: 'expiring', expiry: next.expiry },
    ...(lastSuccess && { since: lastSuccess }),
    ...(cause && { cause: { kind: cause.kind, name: cause.name } }),
    message: lastSuccess ? `It was last replaced at ${lastSuccess}.` : 'It was never replaced.',
    action: `Mend what keeps it from being replaced: managed-tokens status says what failed.`,
  }
  await deps.news.add(`expiring.${target.key}.${encodeToken(next.expiry)}.${next.urgency}`, [piece])
  await deps.failures.put(warningKeys.key(target.key), JSON.stringify(next))
}

async function endWarning(
  target: KeptTarget,
  entry: Entry,
  since: string,
  { counts, causes }: Pick<Kept, 'counts' | 'causes'>,
  deps: ExpiryDeps,
  now: Date,
): Promise<void> {
  // Where failures were told too, the run that ends them tells of both: maybe it is just going on.
  const count = countOf(target.key, target.record, counts)
  if (count?.heard || causes.get(count?.cause ?? '')?.heard) return
  await deps.news.add(`expiring.${target.key}.over.${encodeToken(since)}`, [
    { ...aboutOf(target, entry, now), kind: 'recovered', ends: ['expiring'], since },
  ])
  await deps.failures.delete(warningKeys.key(target.key))
}
