/** Answers `managed-tokens.services`: per entry what is configured, and how its targets stand. */
import type { KV } from '@nats-io/kv'
import { inParallel } from '../../shared/bus/in-parallel.ts'
import { cutIntoPages } from '../../shared/bus/requests/page.ts'
import { parseRequest } from '../../shared/bus/requests/parse-request.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { z } from '../../shared/contracts/zod.ts'
import { readUid } from '../../shared/predecessor/known-uids.ts'
import { findRevocation, type RevokedList } from '../../shared/work/revoked.ts'
import { type ServiceStatus, statusOf } from '../../shared/work/service-status.ts'
import { readTargetsOf } from '../../shared/work/target-record.ts'

const servicesRequest = z.strictObject({ page: z.int().min(1).default(1) })

/** Where the answer comes from. */
export interface ServicesDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly uids: KV
  readonly revoked: () => Promise<RevokedList>
}

export interface ServicesAnswer {
  readonly services: readonly ServiceStatus[]
  readonly page: number
  readonly pages: number
}

/** The answer for every configured entry, a page at a time. Throws RequestError for a body that is none of ours. */
export async function listServices(
  body: unknown,
  { site, targets, uids, revoked }: ServicesDeps,
): Promise<ServicesAnswer> {
  const { page } = parseRequest(servicesRequest, body)
  // By the configuration alone, so that a page is the same whatever happens meanwhile, and only its own targets are read.
  const pages = cutIntoPages(site().entries, mostOfPage, sizeOf)
  const entries = pages[page - 1] ?? []
  const records = await readTargetsOf(targets, entries)
  const list = await revoked()
  const services = await inParallel(entries, async (entry) => {
    const known = entry.desiredUid === undefined ? await readUid(uids, entry.account) : undefined
    const status = statusOf(entry, records.get(entry.name) ?? [], known?.uid, Date.now())
    const found = findRevocation(list, entry.service)
    return found ? { ...status, revoked: { since: found.since, reason: found.reason } } : status
  })
  return { services, page, pages: pages.length }
}

/** Of what {@link sizeOf} gives: a page fits into one message, and takes a fraction of a second. */
const mostOfPage = 512 * 1024
/** Of any entry: a page has some hundred of them, each with its targets to read. */
const least = 4 * 1024
/** How many credds a collector names at most, in the reckoning. */
const assumedCredds = 10

/** How long the answer about an entry may become: every target named twice, three dates for each credd, and for each token a reason. */
function sizeOf({ nodes, credds, deliver }: Entry): number {
  const stores = credds ? credds.length : assumedCredds
  const tokens = JSON.stringify(deliver).length + 800 * (deliver.bearers.length + 1)
  return Math.max(least, 1024 + 2 * JSON.stringify([nodes, credds]).length + 200 * stores + tokens)
}
