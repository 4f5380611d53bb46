/** What is kept of a message that goes out, in the bucket `runs`: written before and after, so that it goes out once, or once more where its notifier died in between. */
import type { KV } from '@nats-io/kv'
import { readValue } from '../../../shared/bus/read-value.ts'
import { type Notification, timestamp } from '../../../shared/contracts/messages.ts'
import { sentKey } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'

const sentRecord = z.object({
  state: z
    .enum(['sending', 'sent'])
    .describe('`sending`: whoever wrote this was about to hand it over, or did and could not say so.'),
  at: z.iso.datetime(),
})

export interface SentRecord {
  /** Undefined: nobody has begun. */
  read(): Promise<'sending' | 'sent' | undefined>
  write(state: 'sending' | 'sent'): Promise<void>
}

/**
 * Kept as long as the ledger, many times as long as a message is tried. By its id alone: what was made again after the
 * configuration had changed may be of another run.
 */
export function openSentRecord(runs: KV, { id }: Pick<Notification, 'id'>): SentRecord {
  const key = sentKey(id)
  return {
    async read() {
      return (await readValue(runs, key, sentRecord)).value?.state
    },
    async write(state) {
      await runs.put(key, JSON.stringify({ state, at: timestamp() }))
    },
  }
}
