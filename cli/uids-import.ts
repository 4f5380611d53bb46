/** `managed-tokens uids import FILE`: takes UIDs over from the predecessor's database, on the machine with the keytabs. */

import { buckets } from '../shared/contracts/subjects.ts'
import { type ImportedUids, importUids, readPredecessorUids } from '../shared/predecessor/import-uids.ts'
import { connectAs } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'
import { asWrongUse } from './terminal/errors.ts'

export interface UidsImportOptions extends ConnectionOptions {
  readonly json?: boolean
}

/**
 * Imports `file` and says what came of it. Writes as the refresher does, with its seed: whoever may not read that may not
 * say which UID a token goes to. Returns the exit code. Throws an error whose message says what to do.
 */
export async function runUidsImport(file: string, options: UidsImportOptions): Promise<number> {
  // A wrong file is said before anything connects.
  asWrongUse(() => readPredecessorUids(file))
  await using bus = await connectAs('refresher', options)
  const result = await importUids(file, await bus.bucket(buckets.uids))
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`)
  return 0
}

function describe({ imported, kept }: ImportedUids): string {
  const count = (n: number) => `${n} ${n === 1 ? 'account' : 'accounts'}`
  const known = kept.length > 0 ? `; ${count(kept.length)} known already: ${kept.join(', ')}` : ''
  return `Took over the UIDs of ${count(imported.length)}${known}.`
}
