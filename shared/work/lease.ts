/** A lease among replicas: a random holder id in the bucket `leases`, which the server forgets unless it is renewed. */
import { randomUUID } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import { writeAt } from '../bus/compare-and-set.ts'
import { leaseTtlMs } from '../bus/streams/topology.ts'
import { leaseHolder } from '../telemetry/metrics/metrics.ts'

export interface Lease extends AsyncDisposable {
  /** True while the bus says that this process holds the lease; asks it, and takes the lease when it is free. */
  held(): Promise<boolean>
}

/**
 * Holds the lease `name` whenever it is asked for and free, renewing it at a third of its life. `onTaken` runs each time
 * it becomes ours, before that is said. Disposing gives it up at once.
 */
export function keepLease(
  leases: KV,
  name: string,
  { onTaken, log }: { onTaken: () => Promise<void>; log: Logger },
): Lease {
  const holder = randomUUID()
  let had = false
  /** Of what we wrote last, while nobody is known to have written since; 0 where that is not known. */
  let revision = 0
  let asking = Promise.resolve(false)

  /** One question after the other: nobody hears "yes" while `onTaken` still runs for somebody else. */
  function held(): Promise<boolean> {
    asking = asking.catch(() => false).then(ask)
    return asking
  }

  async function ask(): Promise<boolean> {
    const found = await leases.get(name)
    let now = found?.operation === 'PUT' && found.string() === holder
    revision = now ? (found?.revision ?? 0) : 0
    if (!now) {
      // Lost, by whatever sleep: others may have held it meanwhile, so it is taken anew.
      if (had) log.warn({ lease: name }, 'the lease was lost')
      had = false
      now = found?.operation !== 'PUT' && (await take(found?.revision ?? 0))
    }
    if (now && !had) {
      await onTaken()
      log.info({ lease: name }, 'holding the lease')
    }
    had = now
    leaseHolder.set({ lease: name }, now ? 1 : 0)
    return now
  }

  async function take(last: number): Promise<boolean> {
    const taken = await writeAt(leases, name, holder, last)
    revision = taken ?? 0
    return taken !== undefined
  }

  async function renew(): Promise<void> {
    const ours = revision || (await findOurs())
    if (ours) revision = (await writeAt(leases, name, holder, ours)) ?? 0
  }

  async function findOurs(): Promise<number> {
    const found = await leases.get(name)
    return found?.operation === 'PUT' && found.string() === holder ? found.revision : 0
  }

  let renewing = Promise.resolve()
  const renewal = setInterval(() => {
    renewing = renew().catch((error: unknown) =>
      log.warn({ lease: name, err: error }, 'could not renew the lease'),
    )
  }, leaseTtlMs / 3)

  return {
    held,
    async [Symbol.asyncDispose]() {
      clearInterval(renewal)
      leaseHolder.remove({ lease: name })
      // Written after we have looked, it would keep what is given up here.
      await renewing
      const found = await leases.get(name).catch(() => null)
      if (found?.operation === 'PUT' && found.string() === holder)
        await leases.delete(name, { previousSeq: found.revision }).catch(() => undefined)
    },
  }
}
