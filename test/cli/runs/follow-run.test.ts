/** Following a run on a real bus, where anybody's slip may have put something that is no message. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenForRuns, type RunNews } from '../../../cli/runs/follow-run.ts'
import { startTestNats } from '../../support/nats.ts'

test('what cannot be read on the way does not end the looking on', async () => {
  await using nats = await startTestNats()
  await using operator = await nats.connect('operator')
  await using refresher = await nats.connect('refresher')
  await using notifier = await nats.connect('notifier')
  using follower = listenForRuns(operator)
  await operator.nc.flush()
  for (const junk of ['junk', 'null', '', '{}']) refresher.nc.publish('token.ready.dune.production', junk)
  await refresher.nc.flush()
  const [run, at] = ['01M807BSWR0HWDV48S3AWYY3GA', '2026-03-01T12:00:00.000Z']
  const totals = { done: 1, failed: 0, superseded: 0, unfinished: 0 }
  const finished = { schema: '1.0', run, at, started: at, mode: { push: true, notify: true }, totals }
  notifier.nc.publish('run.finished', 'null')
  notifier.nc.publish('run.finished', JSON.stringify(finished))
  const news: RunNews[] = []
  for await (const one of follower.follow(run)) news.push(one)
  assert.deepEqual(news, [{ kind: 'finished', body: finished }])
})

test('a user who may not look on is told so in a sentence', async () => {
  await using nats = await startTestNats()
  await using refresher = await nats.connect('refresher')
  using follower = listenForRuns(refresher)
  await assert.rejects(follower.follow('01M807BSWR0HWDV48S3AWYY3GA').next(), {
    name: 'RefusedError',
    code: 'no-permission',
    message: /^This user may not look on at runs \(.*token\.>.*\): give it the permissions of an operator/,
  })
})
