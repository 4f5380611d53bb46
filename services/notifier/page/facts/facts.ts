/**
 * What the status page knows: the buckets `targets` and `failures` as they are at this moment, and what the ledger says of
 * things that fail. Every notifier follows them by itself, so each can serve the page.
 */
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import type { Entry, Site } from '../../../../shared/config/site.ts'
import { time } from '../../../../shared/contracts/messages.ts'
import { cleanTexts } from '../../../../shared/contracts/one-sentence.ts'
import { isRunId } from '../../../../shared/contracts/run-id.ts'
import { encodeToken, refreshSubject, revokedKey } from '../../../../shared/contracts/subjects.ts'
import { z } from '../../../../shared/contracts/zod.ts'
import { findRevocation, revokedList } from '../../../../shared/work/revoked.ts'
import { type TargetRecord, targetRecord } from '../../../../shared/work/target-record.ts'
import { failingKey } from '../../failures/failure-store.ts'
import { ledgerRow } from '../../ledger/ledger.ts'
import type { LedgerStore } from '../../ledger/ledger-store.ts'
import { followBucket } from '../../watch/follow-bucket.ts'
import type { Known } from '../view/service.ts'
import { followMap, followValues } from './follow-values.ts'
import { keepProblems, type Problems, runsToAsk } from './problems.ts'

/** What has changed: how an entry stands, or the ledger of a run (one of its rows, or the run itself). */
export type Change =
  | { readonly kind: 'entry'; readonly entry: string }
  | { readonly kind: 'run'; readonly run: string; readonly row?: string }

export interface Facts extends Known, Disposable {
  /** The records of an entry, by key. */
  records(entry: Entry): readonly (readonly [string, TargetRecord])[]
  /** Tells of each change until that is disposed. */
  onChange(hear: (change: Change) => void): Disposable
}

export interface FactsDeps {
  readonly targets: KV
  readonly failures: KV
  readonly runs: KV
  readonly uids: KV
  readonly revoked: KV
  readonly ledger: Pick<LedgerStore, 'readRow'>
  readonly site: () => Pick<Site, 'entries'>
  readonly log: Logger
}

const seenCount = z.object({ runs: z.int(), since: time })
const seenUid = z.object({ account: z.string(), uid: z.int() })

/** An entry as the keys of `targets` name it: `<experiment>.<role>`. */
export const entryKey = (entry: Pick<Entry, 'experiment' | 'role'>): string =>
  refreshSubject(entry).slice('refresh.'.length)
const entryKeyOf = (key: string) => key.split('.').slice(1, 3).join('.')

/** Follows the buckets, and answers once it knows what is in them. */
export async function openFacts({ log, site, ledger, ...buckets }: FactsDeps): Promise<Facts> {
  const stop = new AbortController()
  const failed = (reason: string) => log.warn({ reason }, 'cannot follow the bus: the status page is behind')
  const how = { failed, signal: stop.signal }
  const listeners = new Set<(change: Change) => void>()
  const tell = (change: Change) => {
    for (const hear of listeners) hear(change)
  }

  const byEntry = new Map<string, Map<string, TargetRecord>>()
  const problems: Problems = new Map()
  const byToken = indexEntries(site)
  const counts = followMap(
    buckets.failures,
    { schema: seenCount, isOurs: (key) => /^[^.]+\.(refresh|node|credd)\./.test(key) },
    how,
    (key) => tellOf(byToken(key.split('.')[0])),
  )
  const uids = followMap(buckets.uids, { schema: seenUid, isOurs: () => true }, how)
  const revoked = followMap(
    buckets.revoked,
    { schema: revokedList, isOurs: (key) => key === revokedKey },
    how,
    () => {
      for (const entry of site().entries) tellOf(entry)
    },
  )
  const targetsSeen = followValues(
    buckets.targets,
    {
      schema: targetRecord,
      isOurs: (key) => /^(refresh|store|push)\./.test(key),
      begin: () => byEntry.clear(),
      see(key, record) {
        const entry = entryKeyOf(key)
        const mine = byEntry.get(entry) ?? new Map<string, TargetRecord>()
        byEntry.set(entry, mine)
        if (record) mine.set(key, record)
        else mine.delete(key)
        tell({ kind: 'entry', entry })
      },
    },
    how,
  )
  void followBucket(
    buckets.runs,
    { updatesOnly: true, begin: () => undefined, see: seeLedger, failed },
    stop.signal,
  )
  await Promise.all([targetsSeen, counts.caughtUp, uids.caughtUp, revoked.caughtUp])
  await recallProblems()

  function seeLedger(key: string, value: unknown): void {
    const [run = '', second] = key.split('.')
    if (!isRunId(run)) return
    const row = second === undefined ? undefined : ledgerRow.safeParse(value).data
    tell({ kind: 'run', run, ...(row && { row: row.entry }) })
    const entry = row && byToken(encodeToken(row.entry))
    if (!entry) return
    keepProblems(problems, row, entry)
    tellOf(entry)
  }

  function tellOf(entry: Entry | undefined): void {
    if (entry) tell({ kind: 'entry', entry: entryKey(entry) })
  }

  /** What has failed before this notifier was there. */
  async function recallProblems(): Promise<void> {
    for (const entry of site().entries)
      for (const run of runsToAsk(byEntry.get(entryKey(entry))?.values() ?? [])) {
        const row = await ledger.readRow(run, entry.name)
        if (row) keepProblems(problems, row, entry)
      }
  }

  return {
    targets: (key) => byEntry.get(entryKeyOf(key))?.get(key),
    records: (entry) => [...(byEntry.get(entryKey(entry)) ?? [])],
    credds: (entry) => cleanTexts(creddsIn(byEntry.get(entryKey(entry)) ?? new Map(), refreshSubject(entry))),
    failed(entry, kind, name) {
      const count = counts.values.get(failingKey({ entry: entry.name, kind, name }))
      return count && count.runs > 0 ? count : undefined
    },
    problem: (key) => problems.get(key),
    isRevoked(service) {
      const list = revoked.values.get(revokedKey)
      return list !== undefined && findRevocation(list, service) !== undefined
    },
    uid: (account) => uids.values.get(encodeToken(account))?.uid,
    onChange(hear) {
      listeners.add(hear)
      return { [Symbol.dispose]: () => void listeners.delete(hear) }
    },
    [Symbol.dispose]: () => stop.abort(),
  }
}

const named = z.object({ credds: z.array(z.string()) })

/** Those that the last token was meant for; where nobody says, those that ever got one. */
function creddsIn(records: ReadonlyMap<string, TargetRecord>, own: string): readonly string[] {
  const ended = records.get(own)?.ended
  const said = named.safeParse(ended?.kind === 'done' ? ended.messages[0]?.body : ended?.failure)
  if (said.success) return said.data.credds
  return [...records].flatMap(([key, { target }]) => (key.startsWith('store.') && target ? [target] : []))
}

/** The entry whose name is encoded so; the index is made anew when the configuration is another. */
function indexEntries(site: FactsDeps['site']): (token: string | undefined) => Entry | undefined {
  let entries: readonly Entry[] | undefined
  let index = new Map<string, Entry>()
  return (token = '') => {
    const now = site().entries
    if (now !== entries) index = new Map(now.map((entry) => [encodeToken(entry.name), entry]))
    entries = now
    return index.get(token)
  }
}
