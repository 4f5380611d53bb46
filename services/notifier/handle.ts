/** Keeps the ledger from the facts on the bus, ends runs, and turns a finished run into messages for people. */
import { isDeepStrictEqual } from 'node:util'
import type { KV } from '@nats-io/kv'
import type { z } from 'zod'
import type { Site } from '../../shared/config/site.ts'
import type { Received } from '../../shared/consume.ts'
import { RetryLater } from '../../shared/errors.ts'
import {
  type Notification,
  type RunFinished,
  type RunStarted,
  type RunUids,
  runFinished,
  runStarted,
  runUids,
  schemaVersion,
  timestamp,
  tokenFailed,
  tokenPushed,
  tokenReady,
  tokenStored,
} from '../../shared/messages.ts'
import type { Fact, Outgoing } from '../../shared/publish.ts'
import { notifySubject, runSubject } from '../../shared/subjects.ts'
import { announceConfigProblems } from './config-problems.ts'
import { composeDigests, type Trouble, troublesOf } from './digest.ts'
import { clearFailure, recordFailure } from './failure-store.ts'
import {
  applyEvent,
  endWaiting,
  type LedgerRow,
  type LedgerRun,
  type RowEvent,
  rowsOf,
  supersededBy,
  totalsOf,
} from './ledger.ts'
import type { LedgerStore } from './ledger-store.ts'
import { announceUidFailures } from './uid-failures.ts'

export interface NotifierDeps {
  readonly site: () => Site
  readonly ledger: LedgerStore
  readonly failures: KV
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
export const schemaOfFact = (subject: string): z.ZodType<Event> | undefined => schemas[kindOf(subject)]

/** Handles every fact in `TOKENS`. */
export async function handleFact(
  { body, subject, deliveries }: Received<Event>,
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
  let isNews = false
  const known = await ledger.changeRow(run, entry, (row) => {
    const next = applyEvent(row, event)
    isNews = !isDeepStrictEqual(next, row)
    return next
  })
  if (!known && deliveries < patienceForStart) throw new RetryLater(1_000)
  const finished: Outgoing[] = []
  for (const open of ledger.openRuns().filter((one) => one.run <= run && one.entries.includes(entry))) {
    if (open.run < run) await ledger.changeRow(open.run, entry, (row) => supersededBy(row, event, at))
    finished.push(...(await finishedIfEnded(open, ledger)))
  }
  const own = await ledger.readRun(run)
  return own?.finished && isNews ? [...finished, ...(await countLate(event, own, deps))] : finished
}

async function finishedIfEnded(run: LedgerRun, ledger: LedgerStore): Promise<Fact[]> {
  return (await ledger.allEnded(run)) ? [finishedEvent(run, await ledger.readRows(run))] : []
}

/** Ends the runs whose deadline has passed, and those that ended while no notifier was there. */
export async function endOverdueRuns({ ledger }: NotifierDeps, now: Date): Promise<Fact[]> {
  const events: Fact[] = []
  for (const run of ledger.openRuns()) {
    if (Date.parse(run.deadline) <= now.getTime())
      for (const entry of run.entries)
        await ledger.changeRow(run.run, entry, (row) => endWaiting(row, 'unfinished', timestamp(now)))
    events.push(...(await finishedIfEnded(run, ledger)))
  }
  return events
}

function finishedEvent({ run, started, mode }: LedgerRun, rows: readonly LedgerRow[]): Fact {
  const body: RunFinished = {
    schema: schemaVersion,
    run,
    at: timestamp(),
    started,
    mode,
    totals: totalsOf(rows),
  }
  return { kind: 'fact', subject: runSubject('finished'), id: `${run}.finished`, body }
}

/** Counts what failed, clears what worked, and composes the digests of those at the threshold. Run twice, it makes the same messages. */
async function finishRun(body: RunFinished, deps: NotifierDeps): Promise<readonly Outgoing[]> {
  const run = await deps.ledger.readRun(body.run)
  if (!run) return []
  const rows = await deps.ledger.readRows(run)
  const site = deps.site()
  const told = await countAll(run, rows, site.errorCountToSendMessage, body.at, deps.failures)
  await deps.ledger.finishRun(body.run, body.at)
  return composeDigests(run, told, site, timestamp()).map(outboxFact)
}

function outboxFact(message: Notification): Fact {
  return { kind: 'fact', subject: notifySubject(message.channel, message.to), id: message.id, body: message }
}

/** A failure or a success after its run has finished counts like one before, and people are told of it by itself. */
async function countLate(event: RowEvent, run: LedgerRun, deps: NotifierDeps): Promise<readonly Outgoing[]> {
  const rows = (await deps.ledger.readRows(run))
    .filter(({ entry }) => entry === event.body.entry)
    .map((row) => onlyOf(event, row))
  const site = deps.site()
  const told = await countAll(run, rows, site.errorCountToSendMessage, event.body.at, deps.failures)
  return composeDigests(run, told, site, timestamp())
    .map((message) => ({ ...message, id: `${message.id}.late.${targetOf(event)}` }))
    .map(outboxFact)
}

/** The row with nothing but what the event is about. */
function onlyOf(event: RowEvent, row: LedgerRow): LedgerRow {
  if (targetOf(event) === 'refresh') return row
  const waiting = { state: 'waiting', at: row.refresh.at } as const
  return { ...row, refresh: waiting, targets: row.targets.filter(({ name }) => name === targetOf(event)) }
}

function targetOf(event: RowEvent): string {
  if (event.kind === 'stored') return event.body.credd
  if (event.kind === 'pushed') return event.body.node
  return event.kind === 'failed' ? (event.body.target ?? 'refresh') : 'refresh'
}

async function countAll(
  run: LedgerRun,
  rows: readonly LedgerRow[],
  threshold: number,
  at: string,
  failures: KV,
): Promise<Trouble[]> {
  const told: Trouble[] = []
  // A muted or a test run must not use up the alert of a full one: it tells what it saw and counts nothing.
  const counts = run.mode.push && run.mode.notify
  for (const trouble of troublesOf(rows)) {
    if (!counts) {
      told.push({ ...trouble, since: at, runs: 1 })
      continue
    }
    const count = await recordFailure(failures, trouble, run.run, at, threshold)
    if (count.told) told.push({ ...trouble, since: count.since, runs: count.runs })
  }
  for (const { entry, service, refresh, targets } of rows) {
    if (refresh.state === 'done')
      await clearFailure(failures, { entry, kind: 'refresh', name: service }, run.run)
    for (const { kind, name } of targets.filter(({ state }) => state === 'done'))
      await clearFailure(failures, { entry, kind, name }, run.run)
  }
  return told
}
