import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSamples } from '../../../../sandbox/support/read-samples.ts'
import {
  nothingSeen,
  seeFailures,
  seeTarget,
  showFreshness,
} from '../../../../services/notifier/metrics/freshness.ts'
import { scrape } from '../../../../shared/telemetry/metrics/scrape.ts'
import { makeEntry } from '../../../support/entry.ts'

const expiry = '2026-02-01T00:00:00.000Z'
const lastSuccess = '2026-01-01T00:00:00.000Z'
const record = (entry: string, target: string) => ({ run: '01', entry, target, expiry, lastSuccess })
const site = (fields: Parameters<typeof makeEntry>[0] = {}) => ({
  entries: [makeEntry({ nodes: ['n1.x', 'n2.x'], ...fields })],
})

const readyFor = (...credds: string[]) => ({
  run: '01',
  entry: 'dune_production',
  ended: { run: '01', kind: 'done', messages: [{ kind: 'fact', body: { credds } }] },
})

async function look(seen: ReturnType<typeof nothingSeen>, of = site()) {
  showFreshness(of, seen)
  const samples = readSamples(await scrape(of))
  return (name: string) =>
    Object.fromEntries(
      samples
        .filter((one) => one.name === `managed_tokens_${name}`)
        .map(({ labels, value }) => [Object.values(labels).join(' '), value]),
    )
}

describe('the freshness of targets', () => {
  it('is shown for every configured node and every credd of the last token, by entry and service', async () => {
    const seen = nothingSeen()
    seeTarget(seen, 'refresh.dune.production', readyFor('c1.x'))
    seeTarget(seen, 'push.dune.production.n1_x', record('dune_production', 'n1.x'))
    seeTarget(seen, 'store.dune.production.c1_x', record('dune_production', 'c1.x'))
    const metric = await look(seen)
    assert.deepEqual(metric('target_token_expiry_timestamp_seconds'), {
      'dune_production dune_production node n1.x': Date.parse(expiry) / 1_000,
      'dune_production dune_production credd c1.x': Date.parse(expiry) / 1_000,
    })
    assert.deepEqual(metric('target_last_success_timestamp_seconds'), {
      'dune_production dune_production node n1.x': Date.parse(lastSuccess) / 1_000,
      'dune_production dune_production credd c1.x': Date.parse(lastSuccess) / 1_000,
    })
    assert.deepEqual(metric('target_consecutive_failures'), {
      'dune_production dune_production node n1.x': 0,
      'dune_production dune_production node n2.x': 0,
      'dune_production dune_production credd c1.x': 0,
    })
  })

  it('goes away with the entry, the node, and the credd that the collector names no more', async () => {
    const seen = nothingSeen()
    seeTarget(seen, 'refresh.dune.production', readyFor('c1.x'))
    seeTarget(seen, 'push.dune.production.n1_x', record('dune_production', 'n1.x'))
    seeTarget(seen, 'store.dune.production.c1_x', record('dune_production', 'c1.x'))
    seeTarget(seen, 'refresh.dune.production', readyFor('c2.x'))
    const metric = await look(seen, site({ nodes: ['n2.x'] }))
    assert.deepEqual(metric('target_token_expiry_timestamp_seconds'), {})
    assert.deepEqual(Object.keys(metric('target_consecutive_failures')), [
      'dune_production dune_production node n2.x',
      'dune_production dune_production credd c2.x',
    ])
    assert.deepEqual((await look(seen, { entries: [] }))('target_consecutive_failures'), {})
  })

  it('counts failures in a row there, and since people were last told under the predecessor’s names', async () => {
    const seen = nothingSeen()
    seeFailures(seen, 'dune=5Fproduction.node.n1_x', { runs: 5, count: 2 })
    seeFailures(seen, 'dune=5Fproduction.refresh.dune=5Fproduction', { runs: 3, count: 0 })
    const metric = await look(seen)
    assert.equal(metric('target_consecutive_failures')['dune_production dune_production node n1.x'], 5)
    assert.deepEqual(metric('current_push_error_count'), {
      'dune_production n1.x': 2,
      'dune_production n2.x': 0,
    })
    assert.deepEqual(metric('current_setup_error_count'), { dune_production: 0 })
    seeFailures(seen, 'dune=5Fproduction.node.n1_x', undefined)
    assert.deepEqual((await look(seen))('current_push_error_count')['dune_production n1.x'], 0)
  })

  it('names the entry where the predecessor did, not its service', async () => {
    const metric = await look(nothingSeen(), site({ name: 'dune-2_production', nodes: ['n1.x'] }))
    assert.deepEqual(Object.keys(metric('current_push_error_count')), ['dune-2_production n1.x'])
    assert.deepEqual(Object.keys(metric('current_setup_error_count')), ['dune-2_production'])
    assert.deepEqual(Object.keys(metric('target_consecutive_failures')), [
      'dune-2_production dune_production node n1.x',
    ])
  })

  it('passes over what is no target', () => {
    const seen = nothingSeen()
    seeTarget(seen, 'vault.pause', { until: 1 })
    seeTarget(seen, 'push.dune.production.n1_x', 'rubbish')
    assert.equal(seen.targets.size, 0)
  })
})
