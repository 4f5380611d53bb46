/** How a stream of JetStream that is there differs from the one that is wanted. Pure. */
import type { StreamConfig } from '@nats-io/jetstream'

/** One property of a stream, in the server's words. */
export interface Difference {
  readonly property: string
  /** Undefined: not set. */
  readonly is: unknown
  readonly wanted: unknown
}

/**
 * What nobody asked for, and with which a stream would lose messages, copy them elsewhere or take them from elsewhere. Where
 * a plan says nothing else, a stream must have none of them.
 */
const plain: Partial<StreamConfig> = {
  max_msgs: -1,
  max_msg_size: -1,
  max_msgs_per_subject: -1,
  max_age: 0,
  no_ack: false,
  sealed: false,
}
const never = ['republish', 'sources', 'mirror', 'subject_transform'] as const

/** Compares what the plan names, and what a plan never has. A limit of bytes may be larger than wanted, and copies more: that is a site's own choice. */
export function compareStream(found: StreamConfig, plan: Partial<StreamConfig>): Difference[] {
  const wanted: Partial<StreamConfig> = { ...plain, ...plan }
  const properties = [...Object.keys(wanted), ...never] as (keyof StreamConfig)[]
  return properties
    .filter((property) => !isAsWanted(property, found[property], wanted[property]))
    .map((property) => ({ property, is: found[property], wanted: wanted[property] }))
}

function isAsWanted(property: keyof StreamConfig, is: unknown, wanted: unknown): boolean {
  if (property === 'max_bytes' || property === 'num_replicas') return Number(is) >= Number(wanted)
  // The server leaves out what is false, 0 or empty.
  return JSON.stringify(is || null) === JSON.stringify(wanted || null)
}

/** The whole configuration that makes the stream as wanted: what the site chose otherwise stays. */
export function updatedConfig(
  found: StreamConfig,
  differences: readonly Difference[],
): Partial<StreamConfig> {
  const changes = differences.map(({ property, wanted }) => [property, wanted])
  return { ...found, ...Object.fromEntries(changes) }
}

/** `max_bytes is -1, not 1073741824`: for a line that people read. */
export const describeDifference = ({ property, is, wanted }: Difference): string =>
  wanted === undefined
    ? `${property} is set`
    : `${property} is ${JSON.stringify(is) ?? 'not set'}, not ${JSON.stringify(wanted)}`
