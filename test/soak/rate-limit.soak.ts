/** Vault answers "Too Many Requests": refresher and storer leave it alone for the pause of half a minute. */
import { it } from 'node:test'
import { makeDirectory } from '../support/pipeline.ts'
import { checkRateLimitedRun } from '../support/rate-limited-run.ts'

it('a run that Vault refuses waits out half a minute and ends whole', { timeout: 180_000 }, async (t) => {
  await using directory = await makeDirectory()
  const { tookMs, refused } = await checkRateLimitedRun(directory.path, 30, 28)
  t.diagnostic(`it took ${tookMs} ms; ${refused} requests were refused`)
})
