/** The bucket `uids`: what is known of an account's UID. The last good one stays until a better one is known. */
import type { KV } from '@nats-io/kv'
import { readValue } from '../bus/read-value.ts'
import { timestamp } from '../contracts/messages.ts'
import { encodeToken } from '../contracts/subjects.ts'
import { z } from '../contracts/zod.ts'

/** The value of a key in the bucket `uids`. */
const knownUid = z.object({
  account: z.string(),
  uid: z.int().positive(),
  at: z.string().describe('When this was learned.'),
  refused: z.string().describe('Why the account gets no token: FERRY says so, in one sentence.').optional(),
})
export type KnownUid = z.infer<typeof knownUid>

/** What is known of an account; undefined where nothing is. */
export async function readUid(uids: KV, account: string): Promise<KnownUid | undefined> {
  const { value } = await readValue(uids, encodeToken(account), knownUid)
  return value?.account === account ? value : undefined
}

export async function writeUid(uids: KV, { account, uid, refused }: Omit<KnownUid, 'at'>): Promise<void> {
  const value: KnownUid = { account, uid, at: timestamp(), ...(refused ? { refused } : {}) }
  await uids.put(encodeToken(account), JSON.stringify(value))
}
