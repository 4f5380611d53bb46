/** `managed-tokens counts import FILE`: takes over how often in a row things had failed under the predecessor. */
import { importCounts } from '../services/notifier/failures/failure-store.ts'
import { matchCounts, readPredecessorCounts } from '../services/notifier/failures/predecessor-counts.ts'
import { loadSite } from '../shared/config/load.ts'
import { findConfigFile } from '../shared/config/read/find.ts'
import { timestamp } from '../shared/contracts/messages.ts'
import { buckets } from '../shared/contracts/subjects.ts'
import { connectAs } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'
import { asWrongUse } from './terminal/errors.ts'

export interface CountsImportOptions extends ConnectionOptions {
  readonly json?: boolean
}

/** Writes as the notifier does, with its seed. Returns the exit code. Throws an error whose message says what to do. */
export async function runCountsImport(file: string, options: CountsImportOptions): Promise<number> {
  // A wrong file is said before anything connects.
  const found = asWrongUse(() => readPredecessorCounts(file))
  const { counts, unknown } = matchCounts(found, loadSite(findConfigFile(options.config)).site)
  await using bus = await connectAs('notifier', options)
  const imported = await importCounts(await bus.bucket(buckets.failures), counts, timestamp())
  const result = { imported, kept: counts.length - imported, unknown }
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`)
  return 0
}

function describe({
  imported,
  kept,
  unknown,
}: {
  imported: number
  kept: number
  unknown: readonly string[]
}) {
  const known = kept > 0 ? `; ${kept} have been counted here since and stay` : ''
  const others = unknown.length > 0 ? `; not configured, so left out: ${unknown.join(', ')}` : ''
  return `Took over ${imported} ${imported === 1 ? 'count' : 'counts'} of failures in a row${known}${others}.`
}
