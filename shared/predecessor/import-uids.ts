/** Takes UIDs over from the predecessor's SQLite database, so that the first run needs no answer of FERRY's. */
import type { KV } from '@nats-io/kv'
import { z } from '../contracts/zod.ts'
import { readPredecessor } from './database.ts'
import { readUid, writeUid } from './known-uids.ts'

const rows = z.array(z.object({ username: z.string().min(1), uid: z.int().min(1) }))

export interface ImportedUids {
  /** Accounts whose UID was not known before. */
  readonly imported: readonly string[]
  /** Accounts of which something is known already: FERRY's word is newer. */
  readonly kept: readonly string[]
}

/** Reads every account and UID of the database `file`. Throws an error that says what is wrong with the file. */
export function readPredecessorUids(file: string): z.infer<typeof rows> {
  return readPredecessor(file, (database) => {
    const found = rows.safeParse(database.prepare('SELECT username, uid FROM uids ORDER BY username').all())
    if (!found.success) throw new Error('its table uids does not hold account names and UIDs')
    return found.data
  })
}

/** Puts the UIDs of `file` into the bucket `uids`; what is known there stays. */
export async function importUids(file: string, uids: KV): Promise<ImportedUids> {
  const imported: string[] = []
  const kept: string[] = []
  for (const { username, uid } of readPredecessorUids(file)) {
    const account = username
    if (await readUid(uids, account)) kept.push(account)
    else {
      await writeUid(uids, { account, uid })
      imported.push(account)
    }
  }
  return { imported, kept }
}
