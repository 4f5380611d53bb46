/** Answers `managed-tokens.services`: per entry what is configured, and how its targets stand. */
import type { KV } from '@nats-io/kv'
import { cutIntoPages } from '../../shared/bus/requests/page.ts'
import { parseRequest } from '../../shared/bus/requests/parse-request.ts'
import type { Site } from '../../shared/config/site.ts'
import { z } from '../../shared/contracts/zod.ts'
import { readUid } from '../../shared/predecessor/known-uids.ts'
import { type ServiceStatus, statusOf } from '../../shared/work/service-status.ts'
import { readTargets } from '../../shared/work/target-record.ts'

const servicesRequest = z.strictObject({ page: z.int().min(1).default(1) })

/** Where the answer comes from. */
export interface ServicesDeps {
  readonly site: () => Site
  readonly targets: KV
  readonly uids: KV
}

export interface ServicesAnswer {
  readonly services: readonly ServiceStatus[]
  readonly page: number
  readonly pages: number
}

/** The answer for every configured entry, a page at a time. Throws RequestError for a body that is none of ours. */
export async function listServices(
  body: unknown,
  { site, targets, uids }: ServicesDeps,
): Promise<ServicesAnswer> {
  const { page } = parseRequest(servicesRequest, body)
  const records = Map.groupBy(await readTargets(targets), ([, record]) => record.entry)
  const status = async (entry: Site['entries'][number]) => {
    const known = entry.desiredUid === undefined ? await readUid(uids, entry.account) : undefined
    return statusOf(entry, records.get(entry.name) ?? [], known?.uid)
  }
  const pages = cutIntoPages(await Promise.all(site().entries.map(status)))
  return { services: pages[page - 1] ?? [], page, pages: pages.length }
}
