/** Vault answers "Too Many Requests": refresher and storer leave it alone for the pause. The long pause is in test/soak. */
import { it } from 'node:test'
import { makeDirectory } from '../support/pipeline.ts'
import { checkRateLimitedRun } from '../support/rate-limited-run.ts'

it('a run that Vault refuses waits out the pause and ends whole', { timeout: 120_000 }, async (t) => {
  await using directory = await makeDirectory()
  const { tookMs, refused } = await checkRateLimitedRun(directory.path, 10, 4)
  t.diagnostic(`it took ${tookMs} ms; ${refused} requests were refused`)
})
