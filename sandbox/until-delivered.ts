/** Waits until the notifier has heard every fact, and every message to people is delivered or given up. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, connectBus } from '../shared/bus/connect.ts'
import { readBucket } from '../shared/bus/read-bucket.ts'
import { isKey } from '../shared/bus/read-value.ts'
import { buckets, consumers, newsKeys, type StreamName, streams } from '../shared/contracts/subjects.ts'
import { seedFile } from '../shared/daemon/state.ts'

/**
 * False where that is not so within `withinMs`. Looks with the notifier's own key, which alone may see news that was not sent yet,
 * and twice: the server counts what was acked and what was published before that each in its own time.
 */
export async function untilDelivered(
  { state, url }: { readonly state: string; readonly url: string },
  withinMs: number,
): Promise<boolean> {
  const deadline = Date.now() + withinMs
  await using bus = await connectBus({
    servers: [url],
    user: 'notifier',
    seedFile: seedFile(state, 'notifier'),
  })
  for (let times = 0; times < 2; await sleep(50)) {
    if (Date.now() > deadline) return false
    // In the order in which one makes the next.
    const isEmpty =
      (await isHeard(bus, streams.tokens, consumers.notifier)) &&
      !(await hasNews(bus)) &&
      (await isHeard(bus, streams.notify, consumers.notifierOutbox))
    times = isEmpty ? times + 1 : 0
  }
  return true
}

async function isHeard({ jsm }: Bus, stream: StreamName, consumer: string): Promise<boolean> {
  const { num_pending, num_ack_pending } = await jsm.consumers.info(stream, consumer)
  return num_pending + num_ack_pending === 0
}

async function hasNews(bus: Bus): Promise<boolean> {
  const kept = await readBucket(await bus.bucket(buckets.runs), newsKeys.all)
  // What lies under a name that nobody can ask for is never sent.
  return [...kept.values()].some(({ operation, key }) => operation === 'PUT' && isKey(key))
}
