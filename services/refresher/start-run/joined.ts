/** A weaker run never takes over from a fuller one that is under way: its answer names the entries it leaves alone. */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { KV } from '@nats-io/kv'
import { inParallel } from '../../../shared/bus/in-parallel.ts'
import { readMessage } from '../../../shared/bus/parse-message.ts'
import { listKeys } from '../../../shared/bus/read-bucket.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { type RunMode, runMode, runStarted } from '../../../shared/contracts/messages.ts'
import { isRunId, runId } from '../../../shared/contracts/run-id.ts'
import { ledgerKey, runKey } from '../../../shared/contracts/subjects.ts'
import { isWeaker } from '../../../shared/contracts/weaker-run.ts'
import { z } from '../../../shared/contracts/zod.ts'

/** What this needs of the notifier's ledger; it writes more. */
export const ledgerHead = z.object({
  run: runId,
  deadline: z.string().optional(),
  mode: runMode,
  entries: z.array(z.string()),
  finished: z.string().optional(),
  revocation: z.unknown().describe('It takes away, and does nothing of what a run is asked for.').optional(),
})
const ledgerEntry = z.object({
  refresh: z.object({ state: z.string() }),
  targets: z.array(z.object({ state: z.string() })),
})

/** So soon a notifier writes down that a run has started (milliseconds); without one, nobody knows how it stands. */
const unwrittenMs = 10_000

/** So long it may take until all items of a run are in the queue (milliseconds): seconds, for ten thousand entries. */
const planningMs = 60_000

/** The run that was started last, as its own plan says: it may not be in the ledger yet, or there is no notifier to write it there. */
const startedPlan = runStarted.transform(({ run, at, deadline, mode, entries, part, revocation }) => {
  const names = entries.map(({ entry }) => entry)
  return {
    ...{ run, at, deadline, mode, revocation },
    ...{ entries: names, plan: part?.plan ?? planDigest(names) },
  }
})

/** The same for the same entries in the same order, however many messages they come in. */
export const planDigest = (names: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(names)).digest('hex')

/**
 * The entries that a fuller run is still working on: entry → that run. A run that has finished or is past its deadline leaves
 * nothing to join, whatever its rows say. `askLast` gives the last `run.started`, as it lies on the bus.
 */
export async function findJoined(
  entries: readonly Entry[],
  mode: RunMode,
  runs: KV,
  askLast: () => Promise<Uint8Array | undefined> = async () => undefined,
  now: Date = new Date(),
): Promise<Record<string, string>> {
  const joined: Record<string, string> = {}
  if (mode.push && mode.notify) return joined
  const heads = await readHeads(runs)
  const startedLast = await askLast()
  const planned = startedLast && readMessage(startedPlan, startedLast)
  if (planned && !heads.some(({ run }) => run === planned.run)) heads.push(planned)
  for (const head of heads) {
    if (
      head.finished ||
      head.revocation ||
      Date.parse(head.deadline ?? '') <= now.getTime() ||
      !isWeaker(mode, head.mode)
    )
      continue
    const inRun = new Set(head.entries)
    const both = entries.filter(({ name }) => inRun.has(name))
    const waits = await inParallel(
      both,
      async ({ name }) => head === planned || isWaiting(runs, head.run, name),
    )
    for (const [index, { name }] of both.entries()) if (waits[index]) joined[name] = head.run
  }
  return joined
}

/** How the bus is asked about the run that was started last. */
export interface LastRun {
  /** The last `run.started`, as it lies on the bus. */
  readonly askLast: () => Promise<Uint8Array | undefined>
  /** Whether the run's item for the entry is still in the queue: an entry whose item was lost waits for nothing. */
  readonly isQueued: (run: string, entry: Entry) => Promise<boolean>
}

/**
 * The last run, where it is the same as the one that is asked for now and its entries all wait yet: a second one would do the
 * same. Undefined where there is none.
 */
export async function findIdentical(
  entries: readonly Entry[],
  mode: RunMode,
  runs: KV,
  { askLast, isQueued }: LastRun,
  now: Date = new Date(),
): Promise<string | undefined> {
  const startedLast = await askLast()
  const last = startedLast && readMessage(startedPlan, startedLast)
  if (!last || last.revocation || Date.parse(last.deadline) <= now.getTime()) return undefined
  const names = entries.map(({ name }) => name)
  if (!isDeepStrictEqual(last.mode, mode) || last.plan !== planDigest(names)) return undefined
  const { value: head, revision } = await readValue(runs, runKey(last.run), ledgerHead)
  if (revision === 0) return now.getTime() - Date.parse(last.at) < unwrittenMs ? last.run : undefined
  if (!head || head.finished) return undefined
  const isPlanning = now.getTime() - Date.parse(last.at) < planningMs
  const isAsItWas = async (entry: Entry) =>
    (await readRow(runs, last.run, entry.name))?.refresh.state === 'waiting' &&
    (isPlanning || (await isQueued(last.run, entry)))
  // Of a long plan some have ended long before all were looked at.
  for (let from = 0; from < entries.length; from += atOnce) {
    const some = await inParallel(entries.slice(from, from + atOnce), isAsItWas)
    if (!some.every(Boolean)) return undefined
  }
  return last.run
}

/** Rows read before what they say is looked at. */
const atOnce = 256

async function readHeads(runs: KV): Promise<z.infer<typeof ledgerHead>[]> {
  const heads: z.infer<typeof ledgerHead>[] = []
  for (const key of (await listKeys(runs, '*')).values().filter(isRunId)) {
    const { value: head } = await readValue(runs, key, ledgerHead)
    if (head) heads.push(head)
  }
  return heads
}

const readRow = async (runs: KV, run: string, entry: string) =>
  (await readValue(runs, ledgerKey(run, entry), ledgerEntry)).value

async function isWaiting(runs: KV, run: string, entry: string): Promise<boolean> {
  const row = await readRow(runs, run, entry)
  return row ? row.refresh.state === 'waiting' || row.targets.some(({ state }) => state === 'waiting') : false
}
