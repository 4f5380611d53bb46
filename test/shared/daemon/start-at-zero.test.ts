import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readSamples } from '../../../sandbox/support/read-samples.ts'
import type { Site } from '../../../shared/config/site.ts'
import { daemons } from '../../../shared/contracts/subjects.ts'
import { startAtZero } from '../../../shared/daemon/start-at-zero.ts'
import { countAttempt } from '../../../shared/telemetry/metrics/count-attempt.ts'
import { scrape } from '../../../shared/telemetry/metrics/scrape.ts'
import { openTelemetry } from '../../../shared/telemetry/telemetry.ts'
import { makeEntry } from '../../support/entry.ts'
import { keptMetrics } from '../../support/kept-metrics.ts'

const directory = mkdtempSync(join(tmpdir(), 'mt-zero-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** By name and labels, as Prometheus writes them. */
async function look(): Promise<Map<string, number>> {
  const samples = readSamples(await scrape({ entries: [] }))
  return new Map(
    samples.map(({ name, labels, value }) => [
      `${name.replace('managed_tokens_', '')} ${Object.values(labels).join(' ')}`.trim(),
      value,
    ]),
  )
}

/** Of a storer, whose file, Loki and Pushgateway take nothing. */
const site = {
  ...{ entries: [], logDirectory: directory, devEnvironmentLabel: 'sandbox' },
  telemetry: { metricsHost: '127.0.0.1', traceRatio: 1 },
  loki: { host: '127.0.0.1:9' },
  prometheus: { host: '127.0.0.1:9', jobname: 'j' },
} as unknown as Site

describe('the counts of a daemon', () => {
  it('are there at 0 when it starts, so that the first event is an increase', async () => {
    startAtZero('storer')
    await using _telemetry = await openTelemetry({
      ...{ daemon: 'storer', site: () => site, pretty: false, useLoki: true },
    })
    const found = await look()
    for (const series of [
      'outcomes_total store ok',
      'outcomes_total store credd-unreachable',
      'failures_total store authentication-needed',
      'failures_total store unexpected',
      ...['ack', 'term', 'later', 'abandon', 'handBack'].map((end) => `messages_total storer ${end}`),
      'messages_total storer-plan ack',
      'redeliveries_total storer',
      'dead_letters_total',
      'queue_wait_seconds_count store',
      'command_duration_seconds_count condor_vault_storer exit',
    ])
      assert.equal(found.get(series), 0, series)
    for (const sink of ['logs file', 'logs loki', 'metrics pushgateway'])
      assert.ok(found.has(`telemetry_dropped_total ${sink}`), sink)
    assert.ok(!found.has('telemetry_dropped_total traces otlp'), 'of an end that is configured')
    assert.deepEqual(
      [...found.keys()].filter((series) => /^\w+ (refresh|push|notify|htgettoken)\b/.test(series)),
      [],
      'of its own work alone',
    )
  })

  it('go on from 0, each event counted once', async () => {
    startAtZero('distributor')
    countAttempt('push', 'disk-full')
    countAttempt('push', 'ok')
    countAttempt('push', 'ok')
    const found = await look()
    assert.deepEqual(
      ['disk-full', 'ok', 'wrong-owner'].map((code) => found.get(`outcomes_total push ${code}`)),
      [1, 2, 0],
    )
  })

  it('have no series of the predecessor’s among them, nor of anything configured', async () => {
    for (const daemon of daemons) startAtZero(daemon)
    const samples = readSamples(await scrape({ entries: [makeEntry({ nodes: ['n1'], credds: ['c1'] })] }))
    const placed = samples.filter(({ labels }) => labels.service ?? labels.node ?? labels.credd)
    assert.deepEqual(placed, [])
    const kept = samples.filter(({ name }) => name.replace(/_(count|sum)$/, '') in keptMetrics)
    assert.deepEqual(
      kept.filter(({ labels }) => Object.keys(labels).length > 0),
      [],
    )
  })
})
