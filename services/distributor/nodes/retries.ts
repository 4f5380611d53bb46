/** How soon a push is tried again: in time for a node that is back, whatever the configured pause. Pure. */
import type { Retry, Site } from '../../../shared/config/site.ts'
import type { Backoff } from '../../../shared/contracts/backoff.ts'

/** Of `probePeriod`: the push has to be over within it too. */
const share = 0.8

/** `workerType.pushTokens.retrySleep` at most, until a failure is reported; then ever more slowly, up to the same bound. */
export function retriesOfPush({ retries, distributor }: Pick<Site, 'retries' | 'distributor'>): {
  readonly retry: Retry
  readonly backoff: Backoff
} {
  const longestMs = share * distributor.probePeriod
  const { numRetries, retrySleepMs } = retries.push
  return {
    retry: { numRetries, retrySleepMs: Math.min(retrySleepMs, longestMs) },
    backoff: { firstMs: 1_000, longestMs },
  }
}
