/** The one default that differs from the predecessor's: told where the file was the predecessor's, or may be. */

import type { Folded } from '../read/fold.ts'
import type { Path } from '../read/places.ts'
import type { ResolvedEntry } from '../resolve/resolve.ts'
import { defaultRoleFile } from '../schema/schema.ts'
import type { Report } from './report.ts'

/** Keys that do nothing here, or stand for a program of the predecessor's: its files have some, ours none. */
const predecessorsKeys: readonly Path[] = [
  ['dbLocation'],
  ['pingOptions'],
  ['workerType', 'storeAndGetTokenInteractive'],
  ['logs', 'refresh-uids-from-ferry'],
  ['logs', 'token-push', 'debugfile'],
]

/** Warns once: entries that set the key are nobody's business. */
export function checkRoleFile(entries: readonly ResolvedEntry[], folded: Folded, report: Report): void {
  const unset = entries.filter(({ origins }) => origins.get('roleFileTemplate')?.source === 'default')
  if (unset.length === 0 || !predecessorsKeys.some((key) => folded.isWritten(key))) return
  report(
    'warning',
    ['experiments'],
    `defaultRoleFileDestinationTemplate is not set: the default role goes to ${defaultRoleFile.ours}, where jobsub reads it, and no longer to the predecessor's default ${defaultRoleFile.predecessors}, which stays as it is on nodes — expected the key with one of the two`,
  )
}
