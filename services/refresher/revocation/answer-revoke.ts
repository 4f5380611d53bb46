/** Answers `managed-tokens.revoke` and `managed-tokens.restore`. The bus lets nobody ask but the user `responder`. */
import type { KV } from '@nats-io/kv'
import { closest } from 'fastest-levenshtein'
import { parseRequest } from '../../../shared/bus/requests/parse-request.ts'
import { RequestError } from '../../../shared/bus/requests/serve-requests.ts'
import { asker, timestamp } from '../../../shared/contracts/messages.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { readUid } from '../../../shared/predecessor/known-uids.ts'
import type { Revocation, RevokedList } from '../../../shared/work/revoked.ts'
import { readTargets } from '../../../shared/work/target-record.ts'
import { mintRunId } from '../start-run/mint-run-id.ts'
import { type EntryToClear, lastEnd, placesOf } from './removals.ts'
import { type RemovalDeps, startRemoval } from './remove-everywhere.ts'

const name = z.string().max(200)
const which = {
  services: z.array(name).max(10_000).optional().describe('Services or entries.'),
  experiment: name.optional().describe('All services of this experiment.'),
  by: asker.optional(),
}

const revokeRequest = z.strictObject({
  ...which,
  reason: z.string().trim().min(1, 'say why').max(500),
  keepLogin: z.boolean().default(false),
  dryRun: z.boolean().default(false).describe('Say what would be done, and do nothing.'),
})
const restoreRequest = z.strictObject(which)

export interface RevokeAnswer {
  /** Absent where nothing was to be done. */
  readonly run?: string
  readonly entries: readonly string[]
  readonly joined: Readonly<Record<string, string>>
  readonly services: readonly Pick<Revocation, 'service' | 'entries'>[]
}

export interface RestoreAnswer {
  readonly restored: readonly Pick<Revocation, 'service' | 'since' | 'reason' | 'keepLogin' | 'until'>[]
}

export type RevokeDeps = RemovalDeps & { readonly uids: KV }

/** Throws RequestError for a wrong body or a service that nobody knows. */
export async function revoke(body: unknown, deps: RevokeDeps): Promise<RevokeAnswer> {
  const request = parseRequest(revokeRequest, body)
  const { reason, keepLogin, by, dryRun } = request
  const chosen = chooseServices(request, await allPlaces(deps))
  const services = [...chosen].map(([service, entries]) => ({ service, entries }))
  const entries = services.flatMap((one) => one.entries.map(({ entry }) => entry))
  if (dryRun) return { entries, joined: {}, services }
  const version = await mintRunId(deps.runs)
  const since = timestamp()
  const revoked = services.map(
    (one): Revocation => ({
      ...one,
      ...{ state: 'revoked', version, since, reason, keepLogin, isDone: false },
      ...(by && { by }),
    }),
  )
  await deps.kept.change((list) => replaced(list, revoked))
  deps.log.warn(
    { services: [...chosen.keys()], reason, by },
    'revoked: nothing of it is made, stored or pushed',
  )
  return { run: await startRemoval(revoked, deps), entries, joined: {}, services }
}

/** Lets services run again. Throws RequestError where one of them is not revoked. */
export async function restore(body: unknown, deps: RevokeDeps): Promise<RestoreAnswer> {
  const { services = [], experiment, by } = parseRequest(restoreRequest, body)
  const list = await deps.kept.read()
  const wanted = new Set(services.map((one) => one.toLowerCase()))
  const chosen = list.services.filter(
    ({ state, service, entries }) =>
      state === 'revoked' &&
      (wanted.has(service) ||
        entries.some((one) => wanted.has(one.entry) || one.experiment === experiment?.toLowerCase())),
  )
  const found = new Set(
    chosen.flatMap(({ service, entries }) => [service, ...entries.map(({ entry }) => entry)]),
  )
  const strange = [...wanted].filter((one) => !found.has(one))
  if (strange.length > 0 || chosen.length === 0)
    throw new RequestError(
      'not-revoked',
      `Not revoked: ${strange.join(', ') || experiment || 'no service was named'}.`,
    )
  const version = await mintRunId(deps.runs)
  const since = timestamp()
  const restored = chosen.map(
    (one): Revocation => ({
      ...one,
      ...{ state: 'restored', version, since },
      ...(by && { by }),
    }),
  )
  await deps.kept.change((all) => replaced(all, restored))
  const records = await readTargets(deps.targets, (record) => record)
  deps.log.warn(
    { services: restored.map(({ service }) => service), by },
    'restored: the next run makes its tokens',
  )
  return {
    restored: chosen.map(({ service, since: revokedAt, reason, keepLogin, run, until: known }) => {
      const until = known ?? (run === undefined ? undefined : lastEnd(run, records.values()))
      return { ...{ service, since: revokedAt, reason, keepLogin }, ...(until !== undefined && { until }) }
    }),
  }
}

const replaced = ({ services }: RevokedList, by: readonly Revocation[]): RevokedList => {
  const names = new Set(by.map(({ service }) => service))
  return { services: [...services.filter(({ service }) => !names.has(service)), ...by] }
}

async function allPlaces({ site, targets, uids, kept }: RevokeDeps): Promise<EntryToClear[]> {
  const { entries } = site()
  const known = new Map<string, number>()
  for (const { account, desiredUid } of entries) {
    const uid = desiredUid === undefined ? (await readUid(uids, account))?.uid : undefined
    if (uid !== undefined) known.set(account, uid)
  }
  const places = placesOf(entries, await readTargets(targets, (record) => record), known)
  // What was revoked before and has left the configuration since, though the bus has forgotten it.
  const { services } = await kept.read()
  const missing = services
    .flatMap((one) => one.entries)
    .filter(({ entry }) => !places.some((one) => one.entry === entry))
  return [...places, ...missing]
}

/** The services that are named, by their own or an entry's name, with all their entries. Pure. */
export function chooseServices(
  {
    services,
    experiment,
  }: { readonly services?: readonly string[] | undefined; readonly experiment?: string | undefined },
  places: readonly EntryToClear[],
): Map<string, EntryToClear[]> {
  const wanted = services?.map((one) => one.toLowerCase()) ?? []
  const known = new Set(places.flatMap(({ entry, service }) => [entry, service]))
  const unknown = wanted.filter((one) => !known.has(one))
  if (unknown.length > 0)
    throw new RequestError(
      'unknown-service',
      unknown.map((one) => `No service ${one}; did you mean ${closest(one, [...known])}?`).join(' '),
    )
  const isChosen = (one: EntryToClear) =>
    wanted.includes(one.entry) || wanted.includes(one.service) || one.experiment === experiment?.toLowerCase()
  const names = new Set(places.filter(isChosen).map(({ service }) => service))
  if (names.size === 0)
    throw new RequestError(
      'unknown-service',
      experiment === undefined
        ? 'Name the services to revoke, or an experiment.'
        : `No service of the experiment ${experiment}.`,
    )
  return Map.groupBy(
    places.filter(({ service }) => names.has(service)),
    ({ service }) => service,
  )
}
