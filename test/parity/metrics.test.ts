/** The predecessor's metrics are all there, under its names and with its labels, and say what they said. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSamples, type Sample } from '../../sandbox/support/read-samples.ts'
import { failure, Permanent, RetryLater, Transient } from '../../shared/contracts/errors.ts'
import { inWork } from '../../shared/telemetry/logs/work-context.ts'
import { registry } from '../../shared/telemetry/metrics/registry.ts'
import { noteCredds, scrape } from '../../shared/telemetry/metrics/scrape.ts'
import { timeStep } from '../../shared/telemetry/metrics/steps.ts'
import { makeEntry } from '../support/entry.ts'
import { keptMetrics } from '../support/kept-metrics.ts'

const dune = makeEntry({ nodes: ['n1'] })
const dune2 = makeEntry({ name: 'dune-2_production', experiment: 'dune-2', nodes: ['n1'] })
const mu2e = makeEntry({ name: 'mu2e_production', service: 'mu2e_production', nodes: ['n1'] })
const site = { entries: [dune, dune2, mu2e] }

const look = async (of = site) => readSamples(await scrape(of))
const sampleOf = (samples: readonly Sample[], name: string, labels: Record<string, string>) =>
  samples.find(
    (one) => one.name === `managed_tokens_${name}` && JSON.stringify(one.labels) === JSON.stringify(labels),
  )?.value

const push = (entry: typeof dune, work: () => Promise<void>) =>
  timeStep('push', entry.name, { service: entry.service, node: 'n1' }, work).catch(() => undefined)
const works = async () => {}
const fails = (error: Error) => async () => {
  throw error
}
const away = fails(new Transient(failure('node-unreachable', 'It is away.')))

describe('the predecessor’s metrics', () => {
  for (const [name, labels] of Object.entries(keptMetrics))
    it(`${name}{${labels.join(',')}}`, async () => {
      const metric = registry.getSingleMetric(name) as unknown as { labelNames: string[] } | undefined
      assert.ok(metric, 'is there')
      assert.deepEqual([...metric.labelNames].sort(), [...labels].sort())
      assert.match(await scrape(site), new RegExp(`^# TYPE ${name} (gauge|histogram)$`, 'm'))
    })

  it('count what failed in the last run, by service, and are 0 again after a clean one', async () => {
    const labels = { service: 'dune_production', node: 'n1' }
    await push(dune, works)
    assert.equal(sampleOf(await look(), 'failed_token_push_count', labels), 0)
    await push(dune, away)
    await push(dune2, away)
    await push(mu2e, away)
    const failed = await look()
    assert.equal(sampleOf(failed, 'failed_token_push_count', labels), 2, 'both entries are this service')
    assert.equal(sampleOf(failed, 'failed_services_push_count', {}), 2)
    await push(dune, works)
    assert.equal(sampleOf(await look(), 'failed_token_push_count', labels), 1)
    await push(dune2, works)
    await push(mu2e, works)
    const clean = await look()
    assert.equal(sampleOf(clean, 'failed_token_push_count', labels), 0)
    assert.equal(sampleOf(clean, 'failed_services_push_count', {}), 0)
  })

  it('tell when it last worked, and not when it failed', async () => {
    const labels = { service: 'mu2e_production', node: 'n1' }
    await push(mu2e, works)
    const worked = sampleOf(await look(), 'last_token_push_timestamp', labels) ?? 0
    assert.ok(Math.abs(worked - Date.now() / 1_000) < 60)
    await push(mu2e, fails(new Permanent(failure('wrong-owner', 'No.'))))
    assert.equal(sampleOf(await look(), 'last_token_push_timestamp', labels), worked)
    await push(mu2e, works)
  })

  it('do not take for a failure what was only put off', async () => {
    await push(mu2e, fails(new RetryLater(1_000)))
    const labels = { service: 'mu2e_production', node: 'n1' }
    assert.equal(sampleOf(await look(), 'failed_token_push_count', labels), 0)
  })

  it('time a stage over the whole of the newest run', async () => {
    const labels = { executable: 'token-push', stage: 'pushTokens' }
    await inWork({ run: '01B' }, () => push(dune, works))
    const first = sampleOf(await look(), 'stage_duration_seconds', labels) ?? Number.NaN
    await inWork({ run: '01B' }, () => push(mu2e, works))
    const second = sampleOf(await look(), 'stage_duration_seconds', labels) ?? Number.NaN
    assert.ok(second > first, 'to the last end')
    await inWork({ run: '01A' }, () => push(mu2e, works))
    assert.equal(
      sampleOf(await look(), 'stage_duration_seconds', labels),
      second,
      'an older run changes nothing',
    )
  })

  it('forget a credd that is none any more, by the file or by the collector', async () => {
    const store = (credd: string) =>
      timeStep('store', dune.name, { service: dune.service, credd }, async () => {})
    const credds = async (of = site) =>
      (await look(of))
        .filter(({ name }) => name.endsWith('last_token_store_timestamp'))
        .map(({ labels }) => labels.credd)
    await store('c1')
    await store('c2')
    assert.deepEqual(await credds({ entries: [dune] }), ['c1', 'c2'])
    noteCredds(dune.name, ['c2', 'c3'])
    assert.deepEqual(await credds({ entries: [dune] }), ['c2'])
    assert.deepEqual(await credds({ entries: [makeEntry({ credds: ['c3'] })] }), [])
  })

  it('keep a service as long as an entry of it is there, whatever that is called', async () => {
    await push(dune, works)
    const samples = await look({ entries: [dune2] })
    assert.equal(sampleOf(samples, 'failed_token_push_count', { service: dune.service, node: 'n1' }), 0)
  })

  it('forget what has left the configuration', async () => {
    await push(mu2e, away)
    const smaller = { entries: [dune, makeEntry({ ...dune2, nodes: [] })] }
    const samples = await look(smaller)
    assert.deepEqual(
      samples.filter(({ labels }) => labels.service === 'mu2e_production'),
      [],
    )
    assert.equal(sampleOf(samples, 'failed_services_push_count', {}), 0, 'also from the counts')
    const nothing = await look({ entries: [] })
    assert.deepEqual(
      nothing.filter(({ labels }) => labels.service ?? labels.node),
      [],
    )
    assert.equal(sampleOf(nothing, 'failed_services_push_count', {}), undefined, 'as where nothing is pushed')
  })
})
