/** How fresh every target is: what the notifier shows of the bucket `targets`, for what is configured and nothing else. */
import type { Site } from '../../config/site.ts'
import { gauge } from './registry.ts'

/** One target of the configuration: an entry's token in a credd or on a node. */
export interface TargetSeries {
  readonly entry: string
  readonly service: string
  readonly kind: 'node' | 'credd'
  readonly target: string
  /** RFC 3339; absent where it was never done. */
  readonly expiry?: string | undefined
  readonly lastSuccess?: string | undefined
  readonly consecutiveFailures: number
}

const labelNames = ['entry', 'service', 'kind', 'target'] as const

/** Unix time (seconds). */
export const targetExpiry = gauge(
  'target_token_expiry_timestamp_seconds',
  'Unix time at which the token ends that lies at a target.',
  labelNames,
)
/** Unix time (seconds). */
export const targetLastSuccess = gauge(
  'target_last_success_timestamp_seconds',
  'Unix time at which a target was last served.',
  labelNames,
)
export const targetFailures = gauge(
  'target_consecutive_failures',
  'Runs in a row that failed at a target, told or not; 0 after a success.',
  labelNames,
)

/** What is known of one target; everything else of its record belongs to its writer. */
export interface KnownTarget {
  readonly entry: string
  readonly kind: 'node' | 'credd'
  readonly target: string
  readonly expiry?: string | undefined
  readonly lastSuccess?: string | undefined
}

export interface Freshness {
  readonly targets: Iterable<KnownTarget>
  /** Runs in a row that failed. */
  failuresOf(entry: string, kind: 'node' | 'credd', target: string): number
  /** The credds that the entry's last token was meant for; undefined where none is known. */
  creddsOf(entry: string): readonly string[] | undefined
}

/** The series of what is configured now: every node, also one never served, and every credd that is known. Pure. */
export function targetSeries(site: Pick<Site, 'entries'>, known: Freshness): TargetSeries[] {
  const found = new Map<string, KnownTarget>()
  for (const one of known.targets) found.set(keyOf(one), one)
  return site.entries.flatMap(({ name: entry, service, nodes, credds }) => {
    const wanted = [
      ...nodes.map((target) => ({ kind: 'node', target }) as const),
      ...(credds ?? known.creddsOf(entry) ?? []).map((target) => ({ kind: 'credd', target }) as const),
    ]
    return wanted.map(({ kind, target }) => {
      const { expiry, lastSuccess } = found.get(keyOf({ entry, kind, target })) ?? {}
      const consecutiveFailures = known.failuresOf(entry, kind, target)
      return { entry, service, kind, target, expiry, lastSuccess, consecutiveFailures }
    })
  })
}

const keyOf = ({ entry, kind, target }: Pick<KnownTarget, 'entry' | 'kind' | 'target'>) =>
  `${entry} ${kind} ${target}`

/** Replaces all series. */
export function showTargets(series: readonly TargetSeries[]): void {
  for (const metric of [targetExpiry, targetLastSuccess, targetFailures]) metric.reset()
  for (const { entry, service, kind, target, expiry, lastSuccess, consecutiveFailures } of series) {
    const labels = { entry, service, kind, target }
    if (expiry) targetExpiry.set(labels, Date.parse(expiry) / 1_000)
    if (lastSuccess) targetLastSuccess.set(labels, Date.parse(lastSuccess) / 1_000)
    targetFailures.set(labels, consecutiveFailures)
  }
}
