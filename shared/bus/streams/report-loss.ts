/** Tells of what somebody or something has removed from the bus: in the log by name, and to the administrators through the notifier. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { backoffMs } from '../../contracts/backoff.ts'
import { envelope } from '../../contracts/envelope.ts'
import type { LossLetter } from '../../contracts/messages.ts'
import {
  type BucketName,
  type ConsumerName,
  type Daemon,
  lostSubject,
  type StreamName,
} from '../../contracts/subjects.ts'
import type { Bus } from '../connect.ts'
import { type Fact, publish } from '../publish.ts'

/** A stream, bucket or consumer that was there, was gone, and is made again. */
export interface Loss {
  readonly kind: 'stream' | 'bucket' | 'consumer'
  readonly name: StreamName | BucketName | ConsumerName
  /** When the new one was made, by the server's clock: tells two losses of the same apart. */
  readonly madeAgain: string
}

const aboutBuckets: Record<BucketName, string> = {
  targets: 'the next run fills it, and pushes and stores everything again',
  uids: 'the next look at FERRY fills it; what came from a file is imported again with: managed-tokens uids import FILE',
  sealed: 'the next run fills it; pushes of earlier runs fail',
  leases: 'whoever works takes its lease again',
  logins: 'refreshers copy the logins there again that they have on disk',
  revoked:
    'nothing is pushed or stored for anyone until a refresher has copied there the list that it has on disk',
  runs: 'runs until now are unknown, and what people had not been told is lost',
  failures: 'failures in a row are counted from nothing',
}
const aboutQueue = 'the next run brings the work that waited there'
const aboutStreams: Record<StreamName, string> = {
  TOKENS: 'runs under way may stay unfinished; the next run does their work',
  REFRESH: aboutQueue,
  STORE: aboutQueue,
  PUSH: aboutQueue,
  NOTIFY: 'messages to people that were not sent by then are lost',
  DEAD: 'what was kept there of messages that could not be handled is lost',
}

/** What it means, and what fills it again: one clause without a stop. */
function meaningOf({ kind, name }: Loss): string {
  if (kind === 'bucket') return aboutBuckets[name as BucketName]
  if (kind === 'stream') return aboutStreams[name as StreamName]
  return 'it gets whatever lies in its stream again, and does nothing twice'
}

/** Says it in the log, and tells the notifier as soon as the bus takes it. */
export function reportLoss(loss: Loss, daemon: Daemon, { bus, log }: { bus: Bus; log: Logger }): void {
  const what = `${loss.kind} ${loss.name}`
  const meaning = meaningOf(loss)
  log.error({ lost: loss.name }, `${what} was gone and is made again: ${meaning}`)
  const body: LossLetter = {
    ...envelope(),
    ...{ what, meaning, madeAgain: loss.madeAgain },
  }
  const id = `lost.${loss.kind}.${loss.name}.${loss.madeAgain}`
  void publishUntilTaken(bus, { kind: 'fact', subject: lostSubject(daemon), id, body })
}

/** The stream that keeps it may be gone as well, and is another daemon's. */
async function publishUntilTaken(bus: Bus, letter: Fact): Promise<void> {
  for (let tries = 1; !bus.nc.isClosed() && !bus.nc.isDraining(); tries++)
    try {
      return await publish(bus, letter)
    } catch {
      await sleep(backoffMs(tries), undefined, { ref: false })
    }
}
