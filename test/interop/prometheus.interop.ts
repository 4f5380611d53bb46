/** The alert rules as Prometheus's own tools judge them, and every query of every dashboard and rule asked of a real Prometheus that scrapes the daemons. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import { writeFaults } from '../../sandbox/faults.ts'
import { promqlQueries } from '../deploy/dashboard-files.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { findFreeRow } from './support/port-row.ts'
import { type Prometheus, shipped, startPrometheus } from './support/prometheus.ts'
import { installPackages, run } from './support/real-programs.ts'

installPackages(['prometheus'])

const series = (name: string, target: string, values: string) => ({
  series: `managed_tokens_${name}{entry="dune_production", kind="node", target="${target}"}`,
  values,
})
const ages = (labels: string, values: readonly number[]) =>
  values.map((value, index) => ({ labels: labels.replace('?', `n${index + 1}`), value }))
const one = (value: number) => [{ labels: '{}', value }]
const never = 1e9

/** Two configured nodes, an hour after the last success; what panels show. */
const sitesWithoutSuccess = {
  'one of two': {
    served: ['n1'],
    expected: {
      'Fleet: Targets A': one(2),
      'Fleet: Fresh A': one(0.5),
      'Fleet: Nodes: time since the last push A': ages('{entry="dune_production", target="?"}', [
        3600,
        never,
      ]),
      'Service: Oldest target A': one(never),
      'Service: Targets: time since the last success A': ages('{kind="node", target="?"}', [3600, never]),
    },
  },
  'all of them': {
    served: [],
    expected: {
      'Fleet: Targets A': one(2),
      'Fleet: Fresh A': one(0),
      'Fleet: Last run A': one(never),
      'Fleet: Nodes: time since the last push A': ages('{entry="dune_production", target="?"}', [
        never,
        never,
      ]),
      'Service: Oldest target A': one(never),
    },
  },
} as const

describe('promtool', () => {
  it('finds no fault with the configuration and the rules', () => {
    assert.match(run('promtool', ['check', 'config', 'prometheus.yml'], { cwd: shipped }), /SUCCESS/)
    assert.match(run('promtool', ['check', 'rules', 'rules.yml'], { cwd: shipped }), /SUCCESS: \d\d rules/)
  })

  it('sees every alert fire where it must, and not where it must not', () => {
    assert.match(run('promtool', ['test', 'rules', 'rules.test.yml'], { cwd: shipped }), /SUCCESS/)
  })

  for (const [what, { served, expected }] of Object.entries(sitesWithoutSuccess))
    it(`computes dashboards that show targets never served: ${what}`, () => {
      const directory = mkdtempSync(join(tmpdir(), 'mt-promtool-'))
      try {
        const samples = Object.entries(expected).map(([where, exp_samples]) => ({
          expr: fillIn(promqlQueries.find((one) => one.where === where)?.expr ?? where),
          eval_time: '60m',
          exp_samples,
        }))
        const input_series = [
          ...['n1', 'n2'].map((target) => series('target_consecutive_failures', target, '5x60')),
          ...served.map((target) => series('target_last_success_timestamp_seconds', target, '0x60')),
        ]
        const test = { interval: '1m', input_series, promql_expr_test: samples }
        writeFileSync(join(directory, 'test.yml'), JSON.stringify({ tests: [test] }))
        assert.match(run('promtool', ['test', 'rules', 'test.yml'], { cwd: directory }), /SUCCESS/)
      } finally {
        rmSync(directory, { recursive: true })
      }
    })
})

/** What may give nothing on a site where one node is down and one service lacks its login. */
const mayBeEmpty: Readonly<Record<string, string>> = {
  'Fleet: Alerts that fire A': 'the shortest alert waits for two minutes',
  'Daemons: Telemetry dropped A': 'a sink is there where one is configured',
  managed_tokens_telemetry_dropped_total: 'the same',
}

describe('every query', { timeout: 3_600_000 }, () => {
  const stack = new AsyncDisposableStack()
  let prometheus: Prometheus

  before(async () => {
    const { path } = stack.use(await makeDirectory())
    const metricsPort = await findFreeRow(5)
    const settings = { ...patience, telemetry: { metricsPort } }
    const pipeline = stack.use(await startPipeline({ dir: path, settings }))
    prometheus = stack.use(await startPrometheus(metricsPort, metricsPort + 4))
    const up = await prometheus.queryUntilThere('count(up == 1) == 4', 120_000)
    assert.equal(up.length, 1, 'the four daemons are scraped')
    await doRun(pipeline)
    await prometheus.queryUntilThere('managed_tokens_last_run_finished_timestamp_seconds', 120_000)
    await pipeline.site.stopNode('dunegpvm01.sandbox.test')
    writeFaults(path, { 'needs-onboarding': ['nova_analysis'] })
    await doRun(pipeline)
    await prometheus.queryUntilThere('managed_tokens_target_consecutive_failures > 0', 120_000)
  })
  after(() => stack.disposeAsync())

  for (const { where, expr } of [...promqlQueries].sort(annotationsFirst))
    it(`of a dashboard is understood and gives data: ${where}`, async () => {
      const found = await prometheus.queryUntilThere(fillIn(expr), where in mayBeEmpty ? 0 : 120_000)
      assert.ok(found.length > 0 || where in mayBeEmpty, fillIn(expr))
    })

  for (const { alert, expr } of rulesOf('rules.yml'))
    it(`of a rule is understood, and what it looks at is there: ${alert}`, async () => {
      await prometheus.query(expr)
      const selectors = expr.match(/\b(managed_tokens_\w+|up)(\{[^}]*\})?/g) ?? []
      assert.ok(selectors.length > 0)
      for (const selector of selectors) {
        const found = await prometheus.queryUntilThere(selector, selector in mayBeEmpty ? 0 : 120_000)
        assert.ok(found.length > 0 || selector in mayBeEmpty, selector)
      }
    })

  it('finds each daemon under its own name', async () => {
    const found = await prometheus.query('managed_tokens_build_info')
    assert.deepEqual(found.map(({ metric }) => metric.daemon).sort(), [
      'distributor',
      'notifier',
      'refresher',
      'storer',
    ])
  })
})

/** They look back for two minutes only. */
function annotationsFirst(a: { where: string }, b: { where: string }): number {
  return Number(b.where.endsWith('annotation')) - Number(a.where.endsWith('annotation'))
}

async function doRun(pipeline: Pipeline): Promise<void> {
  const { run: id } = await pipeline.startRun({})
  await pipeline.finish(id, 300_000)
}

/** What Grafana puts in. */
const fillIn = (expr: string) =>
  expr
    .replaceAll('$__rate_interval', '30m')
    .replaceAll('$__range', '1h')
    .replaceAll(/\$(entry|service)/g, 'dune_production')

function rulesOf(file: string) {
  const { groups } = parse(readFileSync(join(shipped, file), 'utf8')) as {
    groups: { rules: { alert: string; expr: string }[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}
