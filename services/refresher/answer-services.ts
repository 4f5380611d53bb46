/** Answers `managed-tokens.services`: per entry what is configured, and how its targets stand. */
import type { KV } from '@nats-io/kv'
import { cutIntoPages } from '../../shared/bus/requests/page.ts'
import { parseRequest } from '../../shared/bus/requests/parse-request.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { refreshSubject } from '../../shared/contracts/subjects.ts'
import { z } from '../../shared/contracts/zod.ts'
import { readUid } from '../../shared/predecessor/known-uids.ts'
import { readTargets, type TargetRecord } from '../../shared/work/target-record.ts'

const servicesRequest = z.strictObject({ page: z.int().min(1).default(1) })

export interface ServiceStatus {
  readonly entry: string
  readonly service: string
  readonly account: string
  /** Null until FERRY was asked. */
  readonly uid: number | null
  readonly nodes: readonly string[]
  readonly credds: readonly string[]
  /** Per credd that was served: when it last was, and until when its vault token lives, as far as that is known. */
  readonly stored: readonly {
    readonly credd: string
    readonly lastSuccess: string | null
    readonly expiry: string | null
  }[]
  readonly lastSuccess: string | null
  readonly tokenExpiry: string | null
  /** Configured nodes and credds whose last attempt did not succeed, and `token` where none could be made. */
  readonly failing: readonly string[]
}

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
  const pages = cutIntoPages(
    await Promise.all(site().entries.map((entry) => statusOf(entry, records.get(entry.name) ?? [], uids))),
  )
  return { services: pages[page - 1] ?? [], page, pages: pages.length }
}

/** A target's key and record. */
type KeptTarget = readonly [string, TargetRecord]

async function statusOf(entry: Entry, records: readonly KeptTarget[], uids: KV): Promise<ServiceStatus> {
  const own = records.find(([key]) => key === refreshSubject(entry))?.[1]
  const stores = records.filter(([key]) => key.startsWith('store.')).map(([, record]) => record)
  const pushes = records.filter(([key]) => key.startsWith('push.')).map(([, record]) => record)
  const nodes = pushes.filter(({ target }) => entry.nodes.includes(target ?? ''))
  const credds = stores.filter(({ target }) => !entry.credds || entry.credds.includes(target ?? ''))
  return {
    entry: entry.name,
    service: entry.service,
    account: entry.account,
    uid: entry.desiredUid ?? (await readUid(uids, entry.account))?.uid ?? null,
    nodes: entry.nodes,
    credds: entry.credds ?? stores.flatMap(({ target }) => target ?? []),
    stored: credds.flatMap(({ target: credd, lastSuccess, expiry }) =>
      credd ? [{ credd, lastSuccess: lastSuccess ?? null, expiry: expiry ?? null }] : [],
    ),
    lastSuccess: own?.lastSuccess ?? null,
    tokenExpiry: own?.expiry ?? null,
    failing: [
      ...(own && isFailing(own) ? ['token'] : []),
      ...[...credds, ...nodes].filter(isFailing).flatMap(({ target }) => target ?? []),
    ],
  }
}

/** What is only being worked on is not failing; what was reported and is still tried is. */
const isFailing = ({ run, ended, reported }: TargetRecord) =>
  ended?.run === run ? ended.kind === 'failed' : reported === true
