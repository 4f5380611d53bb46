/** No secret is on the status page: every page and every answer is looked through, of a site in which some things fail. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ask } from '../../cli/bus/connection.ts'
import { findFreePort } from '../../sandbox/free-port.ts'
import type { ServicesAnswer } from '../../services/refresher/answer-services.ts'
import { connectBus } from '../../shared/bus/connect.ts'
import { buckets, requests } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import { findSecrets, keysOf, type Secret, tokensOf } from '../support/canary.ts'
import { eventually } from '../support/latch.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'

describe('the status page', { timeout: 400_000 }, () => {
  const stack = new AsyncDisposableStack()
  let pipeline: Pipeline
  let url: string
  let run: string
  let secrets: Secret[]

  before(async () => {
    const { path: dir } = stack.use(await makeDirectory())
    const port = await findFreePort('127.0.0.1')
    const faults = { 'needs-onboarding': ['nova_analysis'], 'credd-down': ['credd2'] }
    const settings = { notifier: { statusPage: { port } } }
    pipeline = stack.use(await startPipeline({ dir, faults, settings }))
    url = `http://127.0.0.1:${port}`
    run = (await pipeline.startRun()).run
    await pipeline.finish(run, 180_000)
    secrets = [...tokensOf(dir), ...keysOf(dir)]
  })
  after(() => stack.disposeAsync())

  const read = async (path: string) => (await fetch(`${url}${path}`)).text()
  const paths = () => [
    ...['/', '/?state=failing', '/?q=dune', '/style.css', '/live.js', '/icon.svg', '/nothing'],
    ...['dune', 'dune-2', 'mu2e', 'nova'].flatMap((name) => [
      ...[`/experiments/${name}`, `/experiments/${name}/use`, `/api/experiments/${name}`],
      `/badge/${name}.svg`,
    ]),
    ...[`/runs/${run}`, `/api/runs/${run}`, '/api/services', '/api/openapi.json', '/api/runs/none'],
  ]

  it('says the same as the requests on the bus', async () => {
    const { services } = await ask<ServicesAnswer>(pipeline.bus, requests.services, {})
    assert.equal(services.length, 4)
    assert.deepEqual(JSON.parse(await read('/api/services')).services, services)
    assert.deepEqual(JSON.parse(await read(`/api/runs/${run}`)), await pipeline.status(run))
  })

  it('shows what fails, and no secret on any page', async () => {
    assert.ok(secrets.length > 10, `${secrets.length} secrets to look for`)
    assert.match(await read('/experiments/nova'), /Somebody of nova has to act/)
    assert.match(await read('/experiments/mu2e'), /credd2[\s\S]*Administrators have to act/)
    for (const path of paths()) {
      const text = await read(path)
      assert.ok(text.length > 50, path)
      assert.deepEqual(findSecrets(text, secrets), [], path)
    }
  })

  it('shows none that somebody writes into a reason', async () => {
    const { layout } = pipeline.site
    await using bus = await connectBus({
      ...{ servers: [pipeline.supervisor.url], user: 'distributor' },
      seedFile: seedFile(layout.state, 'distributor'),
    })
    const key = 'push.dune.production.dunegpvm01_sandbox_test'
    const targets = await bus.bucket(buckets.targets)
    const record = (await targets.get(key))?.json<object>()
    const planted = secrets.find(({ name }) => name.startsWith('vault token'))?.value
    assert.ok(record && planted)
    const failure = { code: 'push-failed', message: `ssh said ${planted} planted`, action: 'None.' }
    await targets.put(key, JSON.stringify({ ...record, ended: { run, kind: 'failed', failure } }))
    await eventually(async () => /planted/.test(await read('/')), 'the reason is on the page')
    for (const path of paths()) assert.deepEqual(findSecrets(await read(path), secrets), [], path)
  })
})
