/** What an operator of the predecessor counts on, seen from outside on one site whose first collector is down. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { Call } from '../../sandbox/calls.ts'
import type { Pipeline } from '../support/pipeline.ts'
import { assertNoMisuse, findMisplaced } from '../support/site-ends.ts'
import { pools, wholeRun } from '../support/whole-run.ts'

describe('on a site that was the predecessor’s', () => {
  let pipe: Pipeline
  let calls: readonly Call[]
  const of = (program: string) => calls.filter((one) => one.program === program && !one.caller)

  before(async () => {
    const made = await wholeRun()
    ;({ pipe, calls } = made)
    assert.deepEqual(made.status.totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
  })

  it('the run goes on when one collector is down, and the log says which one answered', () => {
    const asked = of('condor_status').map(({ argv }) => argv[argv.indexOf('-pool') + 1])
    assert.deepEqual([...new Set(asked)], pools)
    const log = readFileSync(join(pipe.site.layout.logs, 'refresher.log'), 'utf8')
    const said = log.split('\n').filter((line) => line.includes('a collector answered'))
    assert.ok(said.some((line) => line.includes('"collector.sandbox.test"')))
    assert.ok(!said.some((line) => line.includes('collector0')))
  })

  it('every command of HTCondor’s is told its pool', () => {
    for (const { program, env } of [...of('condor_status'), ...of('condor_vault_storer')])
      assert.ok(env._condor_COLLECTOR_HOST, program)
  })

  it('tokens are stored strictly one at a time', () => {
    const storers = of('condor_vault_storer').toSorted((a, b) => a.start - b.start)
    assert.equal(storers.length, 4)
    for (const [index, { start }] of storers.entries())
      assert.ok(start >= (storers[index - 1]?.end ?? 0), 'one begins when the last one has ended')
    assertNoMisuse(pipe.site)
  })

  it('vault tokens are kept for each credd and service under the predecessor’s names', () => {
    const kept = readdirSync(join(pipe.site.layout.state, 'storer', 'vault-tokens')).sort()
    const uid = process.getuid?.()
    assert.deepEqual(
      kept.filter((name) => name.startsWith('vt_')),
      [
        `vt_u${uid}-credd1.sandbox.test-dune_production`,
        `vt_u${uid}-credd1.sandbox.test-mu2e_production`,
        `vt_u${uid}-credd2.sandbox.test-dune_production`,
        `vt_u${uid}-credd2.sandbox.test-mu2e_production`,
      ],
    )
  })

  it('tokenGetterOverride: getToken works without HTCondor', () => {
    assert.ok(!of('condor_vault_storer').some(({ service }) => service === 'nova_analysis'))
    assert.ok(of('htgettoken').some(({ service }) => service === 'nova_analysis'))
  })

  it('two entries of one service serve two disjoint sets of nodes with the same name', async () => {
    const nodes = (host: string) =>
      readdirSync(join(pipe.site.layout.nodes, `${host}.sandbox.test`, 'tmp')).filter((name) =>
        name.startsWith('vt_u50762-'),
      )
    for (const host of ['dunegpvm01', 'sharedgpvm01', 'mu2egpvm01'])
      assert.deepEqual(nodes(host), ['vt_u50762-dune_production'])
    assert.deepEqual(await findMisplaced(pipe.site), [])
  })

  it('htgettoken is told the least life and the credkey without its realm', () => {
    for (const { argv } of of('htgettoken')) {
      assert.ok(argv.includes('--vaulttokenminttl=3d'))
      assert.match(argv.find((word) => word.startsWith('--credkey=')) ?? '', /^--credkey=\w+\/[\w/.]+$/)
    }
    for (const { env } of of('condor_vault_storer'))
      assert.match(env.HTGETTOKENOPTS ?? '', /--vaulttokenminttl=3d --credkey=\w+\/[\w/.]+$/)
  })
})
