/** Keeps the ledger from the facts on the bus, and keeps what a finished run has brought until people are told. */
import { isDeepStrictEqual } from 'node:util'
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
  tokenStored,
} from '../../shared/contracts/messages.ts'
import { onSubject } from '../../shared/contracts/on-subject.ts'
import { encodeToken, type TokenFact, tokenSubject } from '../../shared/contracts/subjects.ts'
import type { z } from '../../shared/contracts/zod.ts'
import { currentSpanRef } from '../../shared/telemetry/traces/run-span.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { finishedIfEnded } from './ledger/deadlines.ts'
import {
  applyEvent,
  type LedgerRow,
  type LedgerRun,
  type RowEvent,
  rowsOf,
  supersededBy,
} from './ledger/ledger.ts'
import type { LedgerStore } from './ledger/ledger-store.ts'
import { announceConfigProblems } from './news/config-problems.ts'
import { addNews } from './news/news-store.ts'
import { completionOf, countRows } from './news/run-news.ts'
import { announceUidFailures } from './news/uid-failures.ts'
import { breakSilence } from './watch/watch-silence.ts'

export interface NotifierDeps {
  readonly site: () => Site
  readonly ledger: LedgerStore
  readonly runs: KV
  readonly failures: KV
  readonly targets: KV
  /** Whether this notifier has kept news since it looked last: another one's is looked for less often. */
  readonly news: { isWaiting: boolean }
}

/** The schema of each fact, by the second half of its subject. */
const schemas = {
  'run.started': runStarted,
  'run.finished': runFinished,
  'run.uids': runUids,
  'token.ready': tokenReady,
  'token.stored': tokenStored,
  'token.pushed': tokenPushed,
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
      return startRun(body as RunStarted, deps)
    case 'run.finished':
      return finishRun(body as RunFinished, deps)
    case 'run.uids':
      return announceUidFailures(body as RunUids, deps.site())
    default: {
      const kind = subject.split('.')[1]
      return changeRows({ kind, body } as RowEvent, deliveries, deps)
    }
  }
}

async function startRun(
  body: RunStarted,
  { ledger, failures, site }: NotifierDeps,
): Promise<readonly Outgoing[]> {
  const run: LedgerRun = {
    run: body.run,
    started: body.at,
    deadline: body.deadline,
    mode: body.mode,
    entries: body.entries.map(({ entry }) => entry),
    // A run's trace begins at its `run.started`, which is being handled.
    ...currentSpanRef(),
  }
  await ledger.startRun(run, rowsOf(body))
  return [...(await announceConfigProblems(body, site(), failures)), ...(await finishedIfEnded(run, ledger))]
}

/**
 * How often an event is looked at again, a second apart, when its run is not in the ledger yet: `run.started` may lie with a
 * notifier that was killed, and comes back only after the server's wait. Later it is of a run that nobody keeps.
 */
const patienceForStart = 20

async function changeRows(
  event: RowEvent,
  deliveries: number,
  deps: NotifierDeps,
): Promise<readonly Outgoing[]> {
  const { ledger } = deps
  const { run, entry, at } = event.body
  const before = await ledger.readRun(run)
  // Counted before it is in the row: whoever takes over from a notifier that dies here finds it not counted.
  if (before?.finished) await countLate(event, before, deps)
  let isNews = false
  const known = await ledger.changeRow(run, entry, (row) => {
    const next = applyEvent(row, event)
    isNews = !isDeepStrictEqual(next, row)
    return next
  })
  if (!known && deliveries < patienceForStart) throw new RetryLater(1_000)
  const finished: Outgoing[] = []
  for (const open of await ledger.openRuns()) {
    if (open.run > run || !open.entries.includes(entry)) continue
    if (open.run < run) await ledger.changeRow(open.run, entry, (row) => supersededBy(row, event, at))
    finished.push(...(await finishedIfEnded(open, ledger)))
  }
  if (isNews && before && !before.finished) await countIfMissed(event, deps)
  return finished
}

/** Another notifier may have finished the run, and counted it without this event, since it was read here. */
async function countIfMissed(event: RowEvent, deps: NotifierDeps): Promise<void> {
  const { run, entry } = event.body
  const now = await deps.ledger.readRun(run)
  const row = now?.finished && (await deps.ledger.readRow(run, entry))
  if (now && row) await keepLate(event, now, row, deps)
}

/** A failure or a success after its run has finished counts like one before. */
async function countLate(event: RowEvent, run: LedgerRun, deps: NotifierDeps): Promise<void> {
  const row = await deps.ledger.readRow(run.run, event.body.entry)
  const next = row && applyEvent(row, event)
  if (next && !isDeepStrictEqual(next, row)) await keepLate(event, run, next, deps)
}

async function keepLate(event: RowEvent, run: LedgerRun, row: LedgerRow, deps: NotifierDeps): Promise<void> {
  const { entry } = event.body
  const target = targetOf(event)
  const by = [run.run, 'late', event.kind, encodeToken(entry), encodeToken(target)].join('.')
  const occasion = { run, rows: [onlyOf(target, row)], by, isWhole: false }
  const news = await countRows(occasion, { ...deps, site: deps.site() })
  if (news.length === 0) return
  await addNews(deps.runs, by, news)
  deps.news.isWaiting = true
}

/** The row with nothing but what the event is about. */
function onlyOf(target: string, row: LedgerRow): LedgerRow {
  if (target === 'refresh') return row
  const waiting = { state: 'waiting', at: row.refresh.at } as const
  return { ...row, refresh: waiting, targets: row.targets.filter(({ name }) => name === target) }
}

function targetOf(event: RowEvent): string {
  if (event.kind === 'stored') return event.body.credd
  if (event.kind === 'pushed') return event.body.node
  return event.kind === 'failed' ? (event.body.target ?? 'refresh') : 'refresh'
}

/**
 * Counts what failed, clears what worked, and keeps what people have to hear. The run is marked first: what comes after the
 * mark counts by itself. Run twice, it keeps the same news.
 */
async function finishRun(body: RunFinished, deps: NotifierDeps): Promise<readonly Outgoing[]> {
  const { ledger, runs } = deps
  const { run: id, at } = body
  const run = await ledger.readRun(id)
  if (!run) return []
  await ledger.finishRun(id, at)
  const rows = await ledger.readRows(run)
  const news = await countRows({ run, rows, by: id, isWhole: true }, { ...deps, site: deps.site() })
  const byTopic = Map.groupBy(news, ({ about, entry = '' }) =>
    about ? `cause.${about}` : encodeToken(entry),
  )
  await inParallel([...byTopic], ([topic, some]) => addNews(runs, `${id}.${topic}`, some))
  const completion = completionOf(run, rows, at)
  if (completion) await addNews(runs, `${id}.completed`, [completion])
  await breakSilence(run, rows, at, { ...deps })
  deps.news.isWaiting = true
  return []
}
