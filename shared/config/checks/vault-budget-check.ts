/** A budget of requests to Vault that is too small for the entries makes every run late: the numbers say so at the desk already. */
import { requestsOf } from '../../contracts/vault-requests.ts'
import { formatDuration } from '../schema/duration.ts'
import type { SiteFile } from '../schema/schema.ts'
import type { Entry } from '../site.ts'
import type { Report } from './report.ts'

/** Limits count requests in this time (milliseconds). */
const windowMs = 5 * 60_000

/** Reports a configured budget in which not even a run that finds every token kept fits into `globalTimeout`. */
export function checkVaultBudget(
  { vault, timeouts }: Pick<SiteFile, 'vault' | 'timeouts'>,
  all: readonly Pick<Entry, 'credds' | 'deliver' | 'tokenGetter'>[],
  report: Report,
): void {
  const budget = vault.requestsPer5Min
  if (budget === undefined) return
  const entries = all.filter(({ tokenGetter }) => tokenGetter !== 'oidc')
  const bearers = entries.reduce((sum, { deliver }) => sum + deliver.bearers.length, 0)
  // Where a collector tells the credds, there is one at least.
  const stores = entries.reduce(
    (sum, { credds, tokenGetter }) => sum + (tokenGetter !== 'storeAndGetToken' ? 0 : (credds?.length ?? 1)),
    0,
  )
  const each = requestsOf(true)
  const needed = entries.length * (each + 1) + (bearers + stores) * each
  const takesMs = runOf(needed, budget)
  if (takesMs <= timeouts.globalTimeout) return
  report(
    'warning',
    ['vault', 'requestsPer5Min'],
    `${budget} requests to Vault in five minutes are too few for a run: ${entries.length} entries × ${each + 1} + ${bearers} bearer tokens × ${each} + ${stores} stores × ${each} = ${needed} requests take ${formatDuration(takesMs)}, and globalTimeout is ${formatDuration(timeouts.globalTimeout)} — expected a larger budget, or none: then Vault's own limit decides`,
  )
}

/** A third of the budget may come at once, the others are spread evenly (milliseconds, whole seconds). */
function runOf(requests: number, budget: number): number {
  const burst = Math.floor(budget / 3)
  const afterMs = (Math.max(0, requests - burst) * windowMs) / (budget - burst)
  return Math.ceil(afterMs / 1_000) * 1_000
}
