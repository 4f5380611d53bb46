/** What administrators hear of a run: each cause once, with what hangs on it, and once that it is over. */

import { inParallel } from '../../../shared/bus/in-parallel.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { causeKeys, encodeToken } from '../../../shared/contracts/subjects.ts'
import { isMuted } from '../digest/addressees.ts'
import { type Affected, affectedOf, joinAffected, withoutThings } from '../failures/affected.ts'
import type { Cause } from '../failures/cause.ts'
import type { CauseCount, FailureCount } from '../failures/consecutive-failures.ts'
import { type Counted, countOnce, failingKey, readCount, readFailures } from '../failures/failure-store.ts'
import type { LedgerRow } from '../ledger/ledger.ts'
import { type CountDeps, isCounted, type Occasion, ofRun } from '../ledger/occasion.ts'
import type { News } from './news.ts'
import { isHeldBack } from './unfinished.ts'

/** Something that failed by itself, and for which cause. */
export interface CauseMember {
  readonly thing: Affected['things'][number] & { readonly at: string }
  readonly why: Pick<News, 'message' | 'action'> & { readonly code: string }
  readonly cause: Cause
  readonly isUrgent: boolean
  /** Absent where nothing is counted. */
  readonly counted?: Counted
}

/** `isMended`: something works that had failed. */
export interface CauseOccasion extends Occasion {
  readonly isMended: boolean
}

export async function newsOfCauses(
  members: readonly CauseMember[],
  occasion: CauseOccasion,
  deps: CountDeps,
): Promise<News[]> {
  const groups = [...Map.groupBy(members, ({ cause }) => cause.key).values()]
  if (!isCounted(occasion.run))
    return groups.map((group) => newsOf(group, affectedBy(group, occasion, deps.site), occasion))
  const isLate = !occasion.isWhole
  if (isLate && groups.length === 0 && !occasion.isMended) return []
  const { causes } = await readFailures(deps.failures, causeKeys.all)
  const failing = await inParallel(groups, (group) => countCause(group, causes, occasion, deps))
  const going = new Set(members.map(({ cause }) => cause.key))
  const others = new Map([...causes].filter(([key]) => !going.has(key)))
  const over = isLate && !occasion.isMended ? [] : await endCauses(others, occasion, deps)
  return [...failing, ...over].filter((one) => one !== undefined)
}

async function countCause(
  group: readonly CauseMember[],
  causes: ReadonlyMap<string, CauseCount>,
  occasion: CauseOccasion,
  deps: CountDeps,
): Promise<News | undefined> {
  const { site, failures } = deps
  const [{ cause, isUrgent }] = group as [CauseMember]
  const untried = await failingUntried(causes.get(cause.key), cause.key, occasion, deps)
  const affected = joinAffected(affectedBy(group, occasion, site), affectedOf(untried, []))
  const { count, isTold } = await countOnce(failures, causeKeys.key(cause.key), {
    ...{ run: occasion.run.run, by: occasion.by, at: firstOf(group) },
    failed: {
      ...{ consecutive: site.errorCountToSendMessage, isUrgent },
      as: {
        ...{ kind: cause.kind, name: cause.name, affected },
        counts: group.flatMap(({ counted }) =>
          counted?.count ? { ...counted.count, told: counted.isTold } : [],
        ),
        isHeard: group.some((one) => wasHeardOtherwise(one, causes)),
      },
    },
  })
  return count && isTold
    ? { ...newsOf(group, affected, occasion), since: count.since, runs: count.runs }
    : undefined
}

/** What failed by the cause before, and has not been tried in this run: a run of some services leaves the others as they were. */
async function failingUntried(
  before: CauseCount | undefined,
  cause: string,
  occasion: CauseOccasion,
  { site, failures }: CountDeps,
): Promise<Affected['things']> {
  const isThere = thereOn(occasion, site)
  const rowOf = new Map(occasion.rows.map((row) => [row.entry, row]))
  const isTried = ({ entry, where, name }: Affected['things'][number]) => {
    const row = rowOf.get(entry)
    const ends = where === 'refresh' ? row && [row.refresh] : row?.targets.filter((one) => one.name === name)
    return ends?.some(({ state }) => state === 'done' || state === 'failed') ?? false
  }
  const untried = (before?.runs ?? 0) > 0 ? before?.affected.things.filter((one) => !isTried(one)) : []
  const counted = await inParallel(untried ?? [], async (thing) => {
    const key = failingKey({ ...thing, kind: thing.where })
    const { value } = isThere(key) ? await readCount(failures, key) : {}
    return value && value.runs > 0 && value.cause === cause ? thing : undefined
  })
  return counted.filter((thing) => thing !== undefined)
}

/** People have heard that it failed, for another cause, or from a notifier that knew none. */
function wasHeardOtherwise(
  { counted, cause }: CauseMember,
  causes: ReadonlyMap<string, CauseCount>,
): boolean {
  const before = counted?.before
  if (!before || before.runs === 0 || before.cause === cause.key) return false
  return before.cause === undefined ? before.heard : (causes.get(before.cause)?.heard ?? false)
}

const firstOf = (group: readonly CauseMember[]) => group.map(({ thing }) => thing.at).toSorted()[0] ?? ''

function affectedBy(group: readonly CauseMember[], { rows }: Occasion, site: Site): Affected {
  const rowOf = new Map(rows.map((row) => [row.entry, row]))
  const waiting = group.flatMap(({ thing: { entry, where } }) => {
    const targets = rowOf.get(entry)?.targets ?? []
    if (where === 'refresh') return targets.filter(({ cause }) => cause === 'refresh')
    return where === 'credd' ? targets.filter((target) => isHeldBack(target, targets, site)) : []
  })
  return affectedOf(
    group.map(({ thing }) => thing),
    waiting,
  )
}

/** One thing is told as what it is; several as what their cause is. */
function newsOf(group: readonly CauseMember[], affected: Affected, { run }: Occasion): News {
  const [{ cause, isUrgent }] = group as [CauseMember]
  const at = firstOf(group)
  return {
    ...{ ...ofRun(run), at, kind: isUrgent ? 'authentication' : 'failure', ...commonWhy(group) },
    ...{ ...aboutCause(cause.key, { kind: cause.kind, name: cause.name }, affected), since: at, runs: 1 },
  }
}

const aboutCause = (about: string, cause: NonNullable<News['cause']>, affected: Affected) => ({
  ...({ audience: 'administrators', about, cause, affected } as const),
  ...(affected.total === 1 ? affected.things[0] : {}),
})

/** Most failed for this reason, and how many others there are. */
function commonWhy(group: readonly CauseMember[]): CauseMember['why'] {
  const bySaying = [...Map.groupBy(group, sayingOf).values()].toSorted((a, b) => b.length - a.length)
  const [{ why }] = bySaying[0] as [CauseMember]
  const others = bySaying.length - 1
  if (others === 0) return why
  const more = ` (and ${others} other ${others === 1 ? 'reason' : 'reasons'}: managed-tokens status)`
  return { ...why, message: `${cleanLine(why.message, 200 - more.length)}${more}` }
}

/** The same reason in the same words, whoever it is said of. */
const sayingOf = ({ why, thing }: CauseMember) =>
  [thing.entry, thing.service, thing.name].reduce(
    (message, name) => message.replaceAll(name, '…'),
    `${why.code} ${why.message}`,
  )

/** Of the causes for which nothing failed: those are over for which nothing has been failing since. */
async function endCauses(
  causes: ReadonlyMap<string, CauseCount>,
  occasion: CauseOccasion,
  { site, failures }: CountDeps,
): Promise<News[]> {
  const { run, by } = occasion
  const open = [...causes].filter(([, { runs, lastRun }]) => runs > 0 || lastRun === run.run)
  if (open.length === 0) return []
  const { counts } = await readFailures(failures)
  const isThere = thereOn(occasion, site)
  const going = new Set(
    [...counts].flatMap(([key, { runs, cause }]) => (runs > 0 && isThere(key) ? (cause ?? []) : [])),
  )
  const over = await inParallel(
    open.filter(([key]) => !going.has(key)),
    async ([key, { affected, kind, name }]): Promise<News | undefined> => {
      const at = lastGood(affected, occasion.rows) ?? run.deadline
      const { recovered: over } = await countOnce(failures, causeKeys.key(key), { run: run.run, at, by })
      if (!over) return undefined
      const good = withoutThings(affected, (thing) => isFailing(thing, counts))
      const { cause: _, ...recovered } = over
      return good.total === 0
        ? undefined
        : {
            ...{ ...ofRun(run), at, kind: 'recovered', message: '', action: '', ...recovered },
            ...aboutCause(key, { kind, name }, good),
          }
    },
  )
  return over.filter((one) => one !== undefined)
}

const isFailing = (
  { entry, where: kind, name }: Affected['things'][number],
  counts: ReadonlyMap<string, FailureCount>,
) => (counts.get(failingKey({ entry, kind, name }))?.runs ?? 0) > 0

/** When the last of these came to work in these rows. */
function lastGood({ things }: Affected, rows: readonly LedgerRow[]): string | undefined {
  const own = new Set(things.map(({ entry, where, name }) => failingKey({ entry, kind: where, name })))
  const good = rows.flatMap(({ entry, service, refresh, targets }) =>
    [{ ...refresh, kind: 'refresh' as const, name: service }, ...targets].filter(
      ({ state, kind, name }) => state === 'done' && own.has(failingKey({ entry, kind, name })),
    ),
  )
  return good
    .map(({ at }) => at)
    .toSorted()
    .at(-1)
}

const keysOfNodes = ({ name: entry, nodes }: Entry) =>
  nodes.map((name) => failingKey({ entry, kind: 'node', name }))

/** Tells of a count's key whether the configuration, and the collector as far as it was asked, still have what it is about. */
function thereOn({ rows, isWhole }: Occasion, site: Site): (key: string) => boolean {
  const entryOf = new Map(site.entries.map((entry) => [encodeToken(entry.name), entry]))
  const nodes = new Set(site.entries.flatMap(keysOfNodes))
  const rowOf = new Map(isWhole ? rows.map((row) => [row.entry, row]) : [])
  return (key) => {
    const [first = '', kind, target = ''] = key.split('.')
    const entry = entryOf.get(first)
    if (!entry || isMuted(site, entry.name)) return false
    if (kind === 'node') return nodes.has(key)
    const row = rowOf.get(entry.name)
    if (kind !== 'credd' || row?.refresh.state !== 'done') return true
    return row.targets.some((one) => one.kind === 'credd' && encodeToken(one.name) === target)
  }
}
