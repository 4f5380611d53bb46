/** Follows the buckets `targets` and `failures`, and shows in the metrics how fresh every configured target is. */
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import type { Site } from '../../../shared/config/site.ts'
import { time } from '../../../shared/contracts/messages.ts'
import { failureKey } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { currentPushErrors, currentSetupErrors } from '../../../shared/telemetry/metrics/kept-metrics.ts'
import { beforeScrape } from '../../../shared/telemetry/metrics/scrape.ts'
import {
  type KnownTarget,
  showTargets,
  targetSeries,
} from '../../../shared/telemetry/metrics/target-metrics.ts'
import { followBucket } from '../watch/follow-bucket.ts'

/** What of a target's record counts here. Of an entry's own refresh: for which credds its last token was meant. */
const seenRecord = z.object({
  entry: z.string(),
  target: z.string().optional(),
  expiry: time.optional(),
  lastSuccess: time.optional(),
  ended: z
    .object({ messages: z.array(z.object({ body: z.object({ credds: z.array(z.string()).default([]) }) })) })
    .optional()
    .catch(undefined),
})

/** Runs in a row, and those of them since people were last told. */
const seenCount = z.object({ runs: z.int(), count: z.int() })
type SeenCount = z.infer<typeof seenCount>

const kinds: Readonly<Record<string, KnownTarget['kind']>> = { store: 'credd', push: 'node' }

/** What has been seen so far; each bucket's part starts anew with every look at the whole of it. */
export interface Seen {
  readonly targets: Map<string, KnownTarget>
  /** Entry → credds. */
  readonly credds: Map<string, readonly string[]>
  readonly failures: Map<string, SeenCount>
}

export const nothingSeen = (): Seen => ({ targets: new Map(), credds: new Map(), failures: new Map() })

/** Takes in one change of the bucket `targets`. A deleted key, and what is no target, leave nothing. */
export function seeTarget({ targets, credds }: Seen, key: string, value: unknown): void {
  const [first = ''] = key.split('.')
  const record = seenRecord.safeParse(value).data
  if (first === 'refresh') {
    if (record?.ended) credds.set(record.entry, record.ended.messages[0]?.body.credds ?? [])
    return
  }
  const kind = kinds[first]
  if (!kind) return
  if (!record?.target) targets.delete(key)
  else {
    const { entry, target, expiry, lastSuccess } = record
    targets.set(key, { entry, kind, target, expiry, lastSuccess })
  }
}

/** Takes in one change of the bucket `failures`. */
export function seeFailures({ failures }: Seen, key: string, value: unknown): void {
  const count = seenCount.safeParse(value).data
  if (count) failures.set(key, count)
  else failures.delete(key)
}

/** Sets the gauges from what has been seen, for what is configured now. */
export function showFreshness(site: Pick<Site, 'entries'>, seen: Seen): void {
  const countOf = (...thing: Parameters<typeof failureKey>) => seen.failures.get(failureKey(...thing))
  showTargets(
    targetSeries(site, {
      targets: seen.targets.values(),
      creddsOf: (entry) => seen.credds.get(entry),
      failuresOf: (entry, kind, target) => countOf(entry, kind, target)?.runs ?? 0,
    }),
  )
  currentSetupErrors.reset()
  currentPushErrors.reset()
  for (const { name, service, nodes } of site.entries) {
    const setup = countOf(name, 'refresh', service)
    currentSetupErrors.set({ service: name }, setup?.count ?? 0)
    for (const node of nodes)
      currentPushErrors.set({ service: name, node }, countOf(name, 'node', node)?.count ?? 0)
  }
}

/** Follows both buckets until it is disposed. */
export function followFreshness(
  { targets, failures }: { targets: KV; failures: KV },
  site: () => Pick<Site, 'entries'>,
  log: Logger,
): Disposable {
  const seen = nothingSeen()
  const stop = new AbortController()
  const shown = beforeScrape(() => showFreshness(site(), seen))
  const follow = (
    kv: KV,
    parts: readonly Map<string, unknown>[],
    see: (key: string, value: unknown) => void,
  ) =>
    void followBucket(
      kv,
      {
        see,
        begin() {
          for (const part of parts) part.clear()
        },
        failed: (reason) => log.warn({ reason }, 'cannot follow the targets: their metrics are old'),
      },
      stop.signal,
    )
  follow(targets, [seen.targets, seen.credds], (key, value) => seeTarget(seen, key, value))
  follow(failures, [seen.failures], (key, value) => seeFailures(seen, key, value))

  return {
    [Symbol.dispose]() {
      stop.abort()
      shown[Symbol.dispose]()
    },
  }
}
