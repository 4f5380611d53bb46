/**
 * Finds streams that nats-server has read back from a damaged disk, and cannot use: it finds nothing in them by its subject
 * any more, nor what is written anew (seen with 2.9.10 after a bit of a block had flipped).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StreamInfo } from '@nats-io/jetstream'
import type { Bus } from '../connect.ts'
import { configOn, type Owned, unlessMissing } from './topology.ts'

/** Looks that must agree, and the time between them (milliseconds): the server counts messages and subjects one after the other. */
const looks = 4
const betweenMs = 150

/** Those of `streams` that are damaged. */
export async function findDamaged(bus: Bus, streams: readonly Owned[]): Promise<Owned[]> {
  let suspects = streams
  for (let look = 1; look <= looks && suspects.length > 0; look++) {
    if (look > 1) await sleep(betweenMs, undefined, { ref: false })
    const infos = await Promise.all(
      suspects.map((one) => unlessMissing(() => bus.jsm.streams.info(configOn(bus, one.plan).name))),
    )
    suspects = suspects.filter((_, at) => infos[at] && isDamaged(infos[at]))
  }
  return [...suspects]
}

/** More messages than their subjects can have. Pure. */
export function isDamaged({ config, state }: Pick<StreamInfo, 'config' | 'state'>): boolean {
  const { messages, num_subjects = 0 } = state
  return config.max_msgs_per_subject === 1 ? messages > num_subjects : messages > 0 && num_subjects === 0
}
