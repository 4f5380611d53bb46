/** One service as people see it: its token and every place that token lies. Pure. */
import type { Entry, Site } from '../../../../shared/config/site.ts'
import { pushSubject, refreshSubject, storeSubject } from '../../../../shared/contracts/subjects.ts'
import { z } from '../../../../shared/contracts/zod.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { schedulePeriodMs } from '../../watch/schedule-period.ts'
import {
  type Freshness,
  type Place,
  type Problem,
  place,
  placeOf,
  states,
  urgencyOf,
  worstOf,
} from './place.ts'

export const service = z.object({
  entry: z.string().describe('`<experiment>_<role>` as configured.'),
  service: z.string().describe('The name in credds and file names.'),
  experiment: z.string().describe('As configured.'),
  account: z.string(),
  uid: z.int().nullable(),
  state: z.enum(states).describe('The worst of its places’.'),
  turn: z
    .enum(['experiment', 'administrators', 'nobody'])
    .nullable()
    .describe('Who has to act; null where nothing fails, or nobody knows yet.'),
  token: place.describe('The making of the token.'),
  places: z.array(place).readonly().describe('Nodes, then credds.'),
})
export type Service = Readonly<z.infer<typeof service>>

/** What is known beside the configuration. Keys are those of the buckets. */
export interface Known {
  targets(key: string): TargetRecord | undefined
  /** The credds that the entry's last token was meant for. */
  credds(entry: Entry): readonly string[]
  failed(
    entry: Entry,
    kind: 'refresh' | 'node' | 'credd',
    name: string,
  ): { since: string; runs: number } | undefined
  problem(key: string): Problem | undefined
  uid(account: string): number | undefined
  /** Whether a person has taken the service’s tokens back; absent where nobody can. */
  isRevoked?(service: string): boolean
}

/** When a token of this site is old. */
export const freshnessOf = (
  site: Pick<Site, 'schedule' | 'timeouts' | 'notifications'>,
  now: number,
): Freshness => ({
  periodMs: schedulePeriodMs(site, new Date(now)),
  runMs: site.timeouts.globalMs,
  warnBeforeMs: site.notifications.warnBeforeMs,
})

export function serviceOf(entry: Entry, known: Known, freshness: Freshness, now: number): Service {
  const at = (kind: Place['kind'], name: string, key: string): Place => {
    const failed = known.failed(entry, kind === 'token' ? 'refresh' : kind, name)
    const about = {
      isRevoked: known.isRevoked?.(entry.service) ?? false,
      failed,
      problem: known.problem(key),
    }
    return placeOf({ kind, name }, known.targets(key), about, freshness, now)
  }
  const token = at('token', entry.service, refreshSubject(entry))
  const places = [
    ...entry.nodes.map((name) => at('node', name, pushSubject(entry, name))),
    ...(entry.credds ?? known.credds(entry)).map((name) => at('credd', name, storeSubject(entry, name))),
  ]
  const worst = worstOf([token, ...places]) ?? token
  return {
    entry: entry.name,
    service: entry.service,
    experiment: entry.experiment,
    account: entry.account,
    uid: entry.desiredUid ?? known.uid(entry.account) ?? null,
    state: worst.state,
    turn: worst.problem?.turn ?? null,
    token,
    places,
  }
}

/** In the order in which they need somebody. */
export const inOrder = (services: readonly Service[]): Service[] =>
  services
    .map((one) => ({ one, order: orderOf(one) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ one }) => one)

/** Sorts as a text: the more urgent first, then by name. */
export function orderOf({ entry, token, places }: Service): string {
  const urgency = Math.min(...[token, ...places].map(urgencyOf))
  return `${urgency.toString().padStart(2, '0')} ${entry}`
}
