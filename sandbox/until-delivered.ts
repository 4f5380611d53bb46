/** Waits until the notifier has heard every fact, and every message to people is delivered or given up. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus } from '../shared/bus/connect.ts'
import { consumers, streams } from '../shared/contracts/subjects.ts'

/** False where that is not so within `withinMs`. Looked at twice: the server counts what was acked and what was published before that each in its own time. */
export async function untilDelivered({ jsm }: Bus, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  for (let times = 0; times < 2; await sleep(50)) {
    if (Date.now() > deadline) return false
    const queues = [
      await jsm.consumers.info(streams.tokens, consumers.notifier),
      await jsm.consumers.info(streams.notify, consumers.notifierOutbox),
    ]
    const isEmpty = queues.every(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending === 0)
    times = isEmpty ? times + 1 : 0
  }
  return true
}
