/** Keeps the ledger from the facts on the bus, and keeps what a finished run has brought until people are told. */
import type { KV } from '@nats-io/kv'
import { inParallel } from '../../shared/bus/in-parallel.ts'
import type { Outgoing } from '../../shared/bus/publish.ts'
import type { Site } from '../../shared/config/site.ts'
import { RetryLater } from '../../shared/contracts/errors.ts'
import {
  type RunFinished,
  type RunStarted,
  type RunUids,
  runFinished,
  runStarted,
  runUids,
  type TokenReady,
  tokenFailed,
  tokenPushed,
  tokenReady,
  tokenRemoved,
  tokenStored,
} from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { encodeToken, type TokenFact, tokenSubject } from '../../shared/contracts/subjects.ts'
import type { z } from '../../shared/contracts/zod.ts'
import { currentSpanRef } from '../../shared/telemetry/traces/run-span.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { forgetEntries } from './failures/failure-store.ts'
import {
  applyEvent,
  hasEnded,
  type LedgerRow,
  type LedgerRun,
  type RowEvent,
  rowsOf,
  runOf,
  supersededBy,
  targetOf,
} from './ledger/ledger.ts'
import type { LedgerStore } from './ledger/ledger-store.ts'
import { isCounted, type Occasion } from './ledger/occasion.ts'
import { finishedIfEnded } from './ledger/run-end.ts'
import { announceConfigProblems } from './news/config-problems.ts'
import type { NewsKeeper } from './news/news-store.ts'
import { announceRemoved, announceRevocation } from './news/revocation-news.ts'
import { completionOf, countRows } from './news/run-news.ts'
import { announceUidFailures } from './news/uid-failures.ts'
import { breakSilence } from './watch/watch-silence.ts'

export interface NotifierDeps {
  readonly site: () => Site
  readonly ledger: LedgerStore
  readonly failures: KV
  readonly targets: KV
  readonly news: NewsKeeper
}

/** The schema of each fact, by the second half of its subject. */
const schemas = {
  'run.started': runStarted,
  'run.finished': runFinished,
  'run.uids': runUids,
  'token.ready': tokenReady,
  'token.stored': tokenStored,
  'token.pushed': tokenPushed,
  'token.removed': tokenRemoved,
  'token.failed': tokenFailed,
} as const
type Kind = keyof typeof schemas
type Event = z.infer<(typeof schemas)[Kind]>

/** `token.ready` of `token.ready.dune.production`. */
const kindOf = (subject: string) => subject.split('.').slice(0, 2).join('.') as Kind

/** The schema of the facts on `subject`; undefined for one that is not known. */
export function schemaOfFact(subject: string): z.ZodType<Event> | undefined {
  const kind = kindOf(subject)
  if (!Object.hasOwn(schemas, kind)) return undefined
  const [family, fact] = kind.split('.') as ['run' | 'token', TokenFact]
  return family === 'run'
    ? schemas[kind]
    : onSubject<Event>(subject, schemas[kind], (body) => tokenSubject(fact, body as TokenReady))
}

export type FactReceived = Received<Event>

/** Handles every fact in `TOKENS`. */
export async function handleFact(
  { body, subject, deliveries }: FactReceived,
  deps: NotifierDeps,
): Promise<readonly Outgoing[]> {
  switch (kindOf(subject)) {
    case 'run.started':
      return noteStart(body as RunStarted, deps)
    case 'run.finished':
      return noteEnd(body as RunFinished, deps)
    case 'run.uids':
      return announceUidFailures(body as RunUids, deps.site())
    default: {
      const kind = subject.split('.')[1]
      return changeRows({ kind, body } as RowEvent, deliveries, deps)
    }
  }
}

async function noteStart(
  body: RunStarted,
  { ledger, failures, site }: NotifierDeps,
): Promise<readonly Outgoing[]> {
  // A run's trace begins at its `run.started`, which is being handled.
  const run = await ledger.addRun({ ...runOf(body), ...currentSpanRef() }, rowsOf(body))
  if (body.revocation) await forgetEntries(failures, run.entries)
  return [
    ...(await announceConfigProblems(body, site(), failures)),
    ...announceRevocation(body, site()),
    ...(await finishedIfEnded(run, ledger)),
  ]
}

/**
 * How often an event is looked at again, a second apart, when its run is not in the ledger yet: `run.started` may lie with a
 * notifier that was killed, and comes back only after the server's wait. Later it is of a run that nobody keeps.
 */
const patienceForStart = 20

/** Whoever finishes a run marks it first: what is in its row by then is counted with it, and what comes later by itself. */
async function changeRows(
  event: RowEvent,
  deliveries: number,
  deps: NotifierDeps,
): Promise<readonly Outgoing[]> {
  const { ledger } = deps
  const { run, entry, at } = event.body
  if (event.kind === 'ready') await ledger.noteToken(event.body.tokenId, { run, entry })
  const row = await ledger.changeRow(run, entry, (before) => applyEvent(before, event))
  if (!row && deliveries < patienceForStart) throw new RetryLater(1_000)
  const finished: Outgoing[] = []
  const open = (await ledger.openRuns()).filter((one) => one.run <= run)
  for (const one of open) {
    const now =
      one.run < run ? await ledger.changeRow(one.run, entry, (older) => supersededBy(older, event, at)) : row
    if (now && hasEnded(now)) finished.push(...(await finishedIfEnded(one, ledger)))
  }
  if (event.kind === 'removed') finished.push(...(await announceRemoved(run, ledger, deps.site())))
  // Whoever finishes a run reads its rows only after it has left the open ones.
  const head = open.some((one) => one.run === run) ? undefined : await ledger.readRun(run)
  if (head?.revocation) return finished
  if (row && head?.finished) await keepNews(lateOccasion(head, row, event), deps)
  return finished
}

/** A test or a muted run counts nothing: there, the news itself has to be the same on every occasion. */
function lateOccasion(run: LedgerRun, row: LedgerRow, event: RowEvent): Occasion {
  const target = targetOf(event)
  const late = [run.run, 'late', event.kind, ...[row.entry, target?.name ?? 'refresh'].map(encodeToken)].join(
    '.',
  )
  const by = isCounted(run) ? late : run.run
  return { run, rows: [onlyOf(target, row)], by, isWhole: false }
}

/** Counts these results, and keeps what people have to hear; done again on the same occasion, it keeps the same. */
async function keepNews(occasion: Occasion, deps: NotifierDeps): Promise<void> {
  const news = await countRows(occasion, { ...deps, site: deps.site() })
  const byTopic = Map.groupBy(news, ({ about, entry = '' }) =>
    about ? `cause.${about}` : encodeToken(entry),
  )
  await inParallel([...byTopic], ([topic, some]) => deps.news.add(`${occasion.by}.${topic}`, some))
}

/** The row with nothing but what the event is about. */
function onlyOf(target: ReturnType<typeof targetOf>, row: LedgerRow): LedgerRow {
  if (!target) return row
  const waiting = { state: 'waiting', at: row.refresh.at } as const
  const targets = row.targets.filter(({ kind, name }) => kind === target.kind && name === target.name)
  return { ...row, refresh: waiting, targets }
}

/** The run is marked first: what comes after the mark counts by itself. */
async function noteEnd(
  { run: id, at, totals }: RunFinished,
  deps: NotifierDeps,
): Promise<readonly Outgoing[]> {
  const { ledger, news, failures } = deps
  const run = await ledger.readRun(id)
  if (!run) return []
  await ledger.endRun(id, at, totals)
  // It has messages of its own, and nothing of it is counted, nor what ended with failures while it was under way.
  if (run.revocation) {
    await forgetEntries(failures, run.entries)
    return []
  }
  const rows = await ledger.readRows(run)
  await keepNews({ run, rows, by: id, isWhole: true }, deps)
  const completion = completionOf(run, rows, at)
  if (completion) await news.add(`${id}.completed`, [completion])
  await breakSilence(run, rows, at, deps)
  return []
}
