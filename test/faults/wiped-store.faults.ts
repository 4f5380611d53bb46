/** An operator deletes what lies on the bus: everything is made again, and the next run puts every token in place. */
import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { natsFiles } from '../../shared/daemon/state.ts'
import { readMailsAbout } from '../support/admin-mails.ts'
import { eventually } from '../support/latch.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, startPipeline } from '../support/pipeline.ts'
import { findMisplaced } from '../support/site-ends.ts'

test('the whole store of JetStream is lost, and the next run heals it', { timeout: 600_000 }, async () => {
  await using directory = await makeDirectory()
  await using pipeline = await startPipeline({ dir: directory.path, settings: patience })
  const { run } = await pipeline.startRun()
  await pipeline.finish(run, 300_000)

  // Removed while it runs, it is gone when the server comes back.
  await rm(natsFiles(pipeline.site.layout.state).store, { recursive: true, maxRetries: 10 })
  await pipeline.killAndAwait('nats-server', 'SIGKILL')

  const second = await pipeline.untilRunStarts(120_000)
  const { totals } = await pipeline.finish(second.run, 300_000)
  assert.deepEqual(totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
  assert.deepEqual(await findMisplaced({ dir: directory.path }), [])
  const told = async () => (await readMailsAbout('', directory.path)).map(({ text }) => text).join()
  for (const what of ['bucket targets', 'bucket runs', 'stream TOKENS', 'stream PUSH', 'stream DEAD'])
    await eventually(async () => (await told()).includes(`${what} was gone`), `a mail about ${what}`)
})

test('a back-up older than the nodes is put back: the next run is the newest, and every node has its token', {
  timeout: 600_000,
}, async () => {
  await using directory = await makeDirectory()
  await using pipeline = await startPipeline({ dir: directory.path, settings: patience })
  const { store } = natsFiles(pipeline.site.layout.state)
  const backUp = join(directory.path, 'back-up')
  const first = await pipeline.startRun()
  await pipeline.finish(first.run, 300_000)
  pipeline.supervisor.kill('nats-server', 'SIGSTOP')
  await cp(store, backUp, { recursive: true })
  pipeline.supervisor.kill('nats-server', 'SIGCONT')
  const second = await pipeline.untilRunStarts(120_000)
  await pipeline.finish(second.run, 300_000)

  pipeline.supervisor.kill('nats-server', 'SIGSTOP')
  await rm(store, { recursive: true, maxRetries: 10 })
  await cp(backUp, store, { recursive: true })
  await pipeline.killAndAwait('nats-server', 'SIGKILL')

  const third = await pipeline.untilRunStarts(120_000)
  const { totals } = await pipeline.finish(third.run, 300_000)
  assert.ok(third.run > second.run, 'the run that the bus has forgotten is the older one')
  assert.deepEqual(totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
  // Every node and credd has the newest token of its entry.
  assert.deepEqual(await findMisplaced({ dir: directory.path }), [])
})
