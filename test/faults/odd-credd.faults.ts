/** One schedd whose Name is odd: the good names are served, `name@host` among them, and the odd one alone is told. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import { readMailsAbout } from '../support/admin-mails.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { assertNoMisuse } from '../support/site-ends.ts'

const odd = 'WARNING: no such schedd'
const second = 'crab3@credd1.sandbox.test'
const configured = 'crab3@credd2.sandbox.test'

describe('a collector that names an odd schedd among good ones', { timeout: 400_000 }, () => {
  let pipe: Pipeline
  let status: RunStatus
  const stop = new AsyncDisposableStack()

  before(async () => {
    const directory = stop.use(await makeDirectory())
    pipe = stop.use(await startPipeline({ dir: directory.path }))
    const { layout, config } = pipe.site
    for (const credd of [second, configured]) mkdirSync(join(layout.credds, credd))
    const facts = JSON.parse(readFileSync(layout.facts, 'utf8'))
    for (const pool of facts.pools)
      pool.schedds = [odd, ...pool.schedds.map((name: string) => `${name}.`), ...pool.schedds, second]
    writeFileSync(layout.facts, JSON.stringify(facts))
    const file = readFileSync(config, 'utf8')
    writeFileSync(config, file.replace('Override: credd2.sandbox.test', `Override: ${configured}`))
    const { run } = await pipe.startRun()
    status = await pipe.finish(run)
  })
  after(() => stop.disposeAsync())

  const targets = () =>
    status.entries.flatMap(({ entry, targets: all }) =>
      all.map(({ name, state, code }) => ({ entry, name, state, code })),
    )
  const asked = ['dune_production', 'mu2e_production']

  it('has every node and every good credd served, and the odd one fails by its name', () => {
    assert.deepEqual(
      targets().filter(({ state }) => state !== 'done'),
      asked.map((entry) => ({ entry, name: odd, state: 'failed', code: 'credd-name-refused' })),
    )
    assertNoMisuse(pipe.site)
  })

  it('has the token stored under name@host, whoever named it, and kept for the next run', () => {
    const { layout } = pipe.site
    const stored = { dune_production: second, 'dune-2_production': configured, mu2e_production: second }
    for (const [entry, credd] of Object.entries(stored)) {
      assert.ok(targets().some((one) => one.entry === entry && one.name === credd))
      const service = entry.replace('-2', '')
      const account = service.replace('_production', 'pro')
      assert.ok(existsSync(join(layout.credds, credd, account, `${service}.top`)), `${service} in ${credd}`)
      const kept = `vt_u${process.getuid?.()}-${credd}-${service}`
      assert.ok(existsSync(join(layout.state, 'storer', 'vault-tokens', kept)), kept)
    }
  })

  it('has the odd name told once to administrators, and in one line of the log', async () => {
    const mails = await readMailsAbout('', pipe.site.dir)
    assert.equal(mails.length, 1, 'nobody of the experiments hears of it')
    assert.ok(mails[0]?.text.includes(odd), mails[0]?.text)
    const log = readFileSync(join(pipe.site.layout.logs, 'refresher.log'), 'utf8')
    const lines = log.split('\n').filter((line) => line.includes('is no host name: it is left out'))
    // The two entries have a constraint each: two questions, two answers.
    assert.equal(lines.length, 2)
  })

  it('ends the same when it is told again, and is well when the name is', async () => {
    const { layout } = pipe.site
    writeFileSync(layout.facts, readFileSync(layout.facts, 'utf8').replaceAll(`"${odd}",`, ''))
    const { run } = await pipe.startRun()
    const { totals } = await pipe.finish(run)
    assert.equal(totals.failed, 0)
  })
})
