/** How an entry and its targets stand, from the configuration and the bucket `targets`: what people are shown. Pure. */
import type { Entry } from '../config/site.ts'
import { time } from '../contracts/messages.ts'
import { refreshSubject } from '../contracts/subjects.ts'
import { z } from '../contracts/zod.ts'
import type { TargetRecord } from './target-record.ts'

const end = time.nullable()

export const serviceStatus = z.object({
  entry: z.string().describe('`<experiment>_<role>` as configured.'),
  service: z.string().describe('`<real experiment>_<role>`: the name in credds and file names.'),
  account: z.string(),
  uid: z.int().nullable().describe('Null until FERRY was asked.'),
  nodes: z.array(z.string()).readonly(),
  credds: z.array(z.string()).readonly(),
  stored: z
    .array(
      z.object({
        credd: z.string(),
        lastSuccess: end.describe('When it was served last.'),
        expiry: end.describe('When its vault token ends, as far as that is known.'),
      }),
    )
    .readonly()
    .describe('Per credd that was served.'),
  lastSuccess: end.describe('When the last token was made.'),
  tokenExpiry: end.describe('When that token ends.'),
  failing: z
    .array(z.string())
    .readonly()
    .describe('Nodes and credds whose last attempt did not succeed, and `token` where none could be made.'),
})
export type ServiceStatus = z.infer<typeof serviceStatus>

/** A target's key and record. */
export type KeptTarget = readonly [string, TargetRecord]

/** The status of an entry, from its own records. `uid`: what is known of the account where none is configured. */
export function statusOf(
  entry: Entry,
  records: readonly KeptTarget[],
  uid: number | undefined,
): ServiceStatus {
  const own = records.find(([key]) => key === refreshSubject(entry))?.[1]
  const stores = records.filter(([key]) => key.startsWith('store.')).map(([, record]) => record)
  const pushes = records.filter(([key]) => key.startsWith('push.')).map(([, record]) => record)
  const nodes = pushes.filter(({ target }) => entry.nodes.includes(target ?? ''))
  const credds = stores.filter(({ target }) => !entry.credds || entry.credds.includes(target ?? ''))
  return {
    entry: entry.name,
    service: entry.service,
    account: entry.account,
    uid: entry.desiredUid ?? uid ?? null,
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
export const isFailing = ({ run, ended, reported }: TargetRecord): boolean =>
  ended?.run === run ? ended.kind === 'failed' : reported === true
