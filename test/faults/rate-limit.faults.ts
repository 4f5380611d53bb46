/** Vault answers "Too Many Requests": refresher and storer leave it alone for the pause, and the run ends late and whole. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { patience } from '../support/patience.ts'
import { makeDirectory, startPipeline } from '../support/pipeline.ts'
import { assertNoMisuse, findMisplaced } from '../support/site-ends.ts'

interface Asked {
  readonly at: string
  readonly path: string
  readonly status: number
}

/** Vault's refusal is a little shorter than the pause, as its block interval is in production (seconds). */
const [pauseSeconds, refusalSeconds] = [30, 28]

it('a run that Vault refuses waits out half a minute and ends whole', { timeout: 600_000 }, async (t) => {
  await using directory = await makeDirectory()
  const dir = directory.path
  await using pipe = await startPipeline({
    dir,
    faults: { 'vault-rate-limit': refusalSeconds },
    settings: {
      ...patience,
      vault: { rateLimitPause: `${pauseSeconds}s` },
    },
  })
  const { run } = await pipe.startRun()
  const status = await pipe.finish(run, 300_000)
  assert.deepEqual(status.totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
  assert.deepEqual(await findMisplaced(pipe.site), [])
  assertNoMisuse(pipe.site)
  const failed = (await pipe.storedFacts(run)).filter(({ subject }) => subject.startsWith('token.failed.'))
  assert.deepEqual(failed, [], 'waiting is no failure')
  const tookMs = Date.parse(status.finished ?? '') - Date.parse(status.started)
  assert.ok(tookMs > pauseSeconds * 1_000, `it ends late: after ${tookMs} ms`)

  const asked = readFileSync(join(dir, 'vault', 'requests.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Asked)
  const refused = asked.filter(({ status: answer }) => answer === 429)
  const from = Date.parse(refused[0]?.at ?? '')
  assert.ok(from > 0, 'Vault did refuse')
  // The answer has to come back, be understood, and stop whoever is in the middle of asking.
  const heardMs = 10_000
  const late = asked.filter(({ at }) => {
    const after = Date.parse(at) - from
    return after > heardMs && after < pauseSeconds * 1_000
  })
  assert.deepEqual(late, [], 'nobody asks during the pause')
  assert.ok(refused.length <= 4, `${refused.length} were refused: at most one of each that was at work`)
  t.diagnostic(`it took ${tookMs} ms; ${refused.length} requests were refused`)
})
