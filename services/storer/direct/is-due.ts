/** When a vault token in a credd is stored anew. Pure. */

import { parseDuration } from '../../../shared/config/schema/duration.ts'
import type { Entry } from '../../../shared/config/site.ts'

/** How long the vault token lives that condor_vault_storer keeps here, by which it knows (milliseconds). */
const keptLifeMs = 7 * 24 * 60 * 60_000

/** As often as condor_vault_storer does: when one of 7 days, made with it, would live shorter than `minTokenLifetime`. */
export const isDue = (
  storedAt: number,
  { minTokenLifetime }: Pick<Entry, 'minTokenLifetime'>,
  now = Date.now(),
): boolean => now - storedAt > keptLifeMs - (parseDuration(minTokenLifetime) ?? 0)
