/** Bearer tokens that live three minutes, with scheduled runs an age apart: a node never holds one that is over. `SOAK_SECONDS` chooses how long, and to the first renewal at least. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, startPipeline } from '../support/pipeline.ts'

const lifeSeconds = 180
/** With `minSeconds` above half a life, a token is renewed within that half and the minute between two looks. */
const renewedWithin = 165
const watchSeconds = Number(process.env.SOAK_SECONDS ?? 420)

it('a node’s bearer token is renewed before it ends', {
  timeout: (watchSeconds + 600) * 1_000,
}, async (t) => {
  await using directory = await makeDirectory()
  const deliver = [{ bearer: { scopes: ['compute.read'], minSeconds: 150 } }]
  const entries = defaultEntries.map((entry) =>
    entryName(entry) === 'nova_analysis' ? { ...entry, deliver } : entry,
  )
  await using pipe = await startPipeline({
    ...{ dir: directory.path, entries, bearerSeconds: lifeSeconds },
    // Once a year: nothing but the renewals starts runs meanwhile.
    settings: { ...patience, schedule: { cron: '0 0 1 1 *' } },
  })
  const { run } = await pipe.startRun()
  await pipe.finish(run)
  const file = join(nodeTmp(pipe.site.layout, 'sharedgpvm01.sandbox.test'), 'bt_u46301')
  const secondsLeft = () => {
    const payload = readFileSync(file, 'utf8').split('.')[1] ?? ''
    return JSON.parse(Buffer.from(payload, 'base64url').toString()).exp - Date.now() / 1_000
  }
  const begin = Date.now()
  const watched = () => (Date.now() - begin) / 1_000
  let [least, isRenewed] = [secondsLeft(), false]
  while (watched() < watchSeconds || (!isRenewed && watched() < renewedWithin)) {
    await sleep(500)
    const left = secondsLeft()
    isRenewed ||= left > least + lifeSeconds / 4
    least = Math.min(least, left)
  }

  const started = pipe.facts.all.filter(({ subject }) => subject === 'run.started').slice(1)
  t.diagnostic(
    `${started.length} renewals in ${Math.round(watched())} s; the least life left was ${Math.round(least)} s`,
  )
  assert.ok(least > 0, 'it never ended')
  assert.ok(isRenewed, 'it was renewed')
  assert.ok(
    started.length >= Math.floor(watchSeconds / renewedWithin) &&
      started.length <= Math.ceil(watched() / (lifeSeconds / 2)),
  )
  for (const { body } of started)
    assert.deepEqual(
      (body.entries as { entry: string }[]).map(({ entry }) => entry),
      ['nova_analysis'],
      'only the entry that needs it',
    )
})
