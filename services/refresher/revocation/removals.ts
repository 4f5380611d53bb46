/** What is to be taken away of a service, from wherever it may be, and the items of work for that. Pure. */
import type { Work } from '../../../shared/bus/publish.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { entryEnvelope } from '../../../shared/contracts/envelope.ts'
import type { PushRemoval, RefreshRemoval, StoreRemoval } from '../../../shared/contracts/messages.ts'
import { pushSubject, refreshSubject, storeSubject, streams } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import type { EntryNames } from '../../../shared/work/find-entry.ts'
import type { Revocation } from '../../../shared/work/revoked.ts'
import type { TargetRecord } from '../../../shared/work/target-record.ts'

export type EntryToClear = Revocation['entries'][number]

const names = z.object({
  ...{ entry: z.string(), service: z.string(), experiment: z.string(), role: z.string() },
})

/** Every entry with all its places: of the configuration, and of the targets that ever were. */
export function placesOf(
  entries: readonly Entry[],
  records: ReadonlyMap<string, TargetRecord>,
  uids: ReadonlyMap<string, number>,
): EntryToClear[] {
  const all = new Map<string, EntryToClear>()
  for (const { name: entry, service, experiment, role, nodes, credds = [], desiredUid, account } of entries) {
    const uid = desiredUid ?? uids.get(account)
    const places = { nodes: [...nodes], credds: [...credds], ...(uid !== undefined && { uid }) }
    all.set(entry, { ...{ entry, service, experiment, role }, ...places })
  }
  for (const record of records.values()) {
    const known = namesIn(record)
    if (known && !all.has(known.entry)) all.set(known.entry, { ...known, nodes: [], credds: [] })
  }
  for (const [key, { entry, target }] of records) {
    const places = all.get(entry)
    if (!places || target === undefined) continue
    const list = key.startsWith('push.') ? places.nodes : places.credds
    if (!list.includes(target)) list.push(target)
  }
  return [...all.values()]
}

/** The names of an entry that the configuration may have no longer, from the last fact about it. */
function namesIn({ ended, entry }: TargetRecord): EntryNames | undefined {
  if (ended?.kind !== 'done') return undefined
  const body = ended.messages.find((one) => one.kind === 'fact')?.body
  const found = names.safeParse(body).data
  return found?.entry === entry ? found : undefined
}

/** One for each place, and one for Vault or the issuer. */
export function removalsOf(
  { entries, keepLogin }: Pick<Revocation, 'entries' | 'keepLogin'>,
  run: string,
  deadline: string,
): Work[] {
  return entries.flatMap((one): Work[] => {
    const base = { ...entryEnvelope({ ...one, run }), deadline, action: 'remove' as const }
    const refresh: RefreshRemoval = { ...base, keepLogin }
    const nodes = one.nodes.map((node): Work => {
      const body: PushRemoval = { ...base, node, ...(one.uid !== undefined && { uid: one.uid }) }
      return { kind: 'work', stream: streams.push, subject: pushSubject(one, node), body }
    })
    const credds = one.credds.map((credd): Work => {
      const body: StoreRemoval = { ...base, credd }
      return { kind: 'work', stream: streams.store, subject: storeSubject(one, credd), body }
    })
    return [
      ...nodes,
      ...credds,
      { kind: 'work', stream: streams.refresh, subject: refreshSubject(one), body: refresh },
    ]
  })
}

/** Whether this run has done there what it was for. */
export const isCleared = (run: string, record: TargetRecord | undefined): boolean =>
  record?.ended?.run === run && record.ended.kind === 'done'

const ends = z.object({ until: z.string() })

/** The last end of what could not be taken away, as far as the targets of this run say. */
export function lastEnd(run: string, records: Iterable<TargetRecord>): string | undefined {
  const all = [...records].flatMap(({ ended }) =>
    ended?.run === run && ended.kind === 'done'
      ? ended.messages.flatMap((one) => ends.safeParse(one.body).data?.until ?? [])
      : [],
  )
  return all.sort().at(-1)
}
