/** The one registry of this process, and how metrics are declared in it: name, help, labels. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export const registry = new Registry()
const registers = [registry]
const prefix = 'managed_tokens_'

/** A counter; one without labels starts at 0 in every daemon. */
export const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
  new Counter<L>({ name: `${prefix}${name}`, help, labelNames, registers })

/** A gauge without any series until it is set. `collect` runs before each reading. */
export function gauge<L extends string>(
  name: string,
  help: string,
  labelNames: readonly L[] = [],
  collect?: (this: Gauge<L>) => void | Promise<void>,
): Gauge<L> {
  const made = new Gauge<L>({
    name: `${prefix}${name}`,
    help,
    labelNames,
    registers,
    ...(collect ? { collect } : {}),
  })
  // The library would show 0 for one without labels, and 0 is a wrong time.
  if (labelNames.length === 0) made.remove()
  return made
}

/** A histogram, in seconds. */
export const histogram = <L extends string>(
  name: string,
  help: string,
  labelNames: readonly L[],
  buckets: readonly number[],
) => new Histogram<L>({ name: `${prefix}${name}`, help, labelNames, buckets: [...buckets], registers })

/** From a command that does nothing to one at its deadline (seconds). */
export const stepBuckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
