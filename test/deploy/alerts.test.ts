/** Every alert has a section that says what to do, every such section has its alert, and both know only metrics that exist. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { read } from './compose-file.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

const { groups } = parse(read('deploy/prometheus/rules.yml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const operations = read('docs/operations.md')
const sections = [...(operations.split('\n## Alerts\n')[1] ?? '').matchAll(/^### (\w+)\n\n([^#]+)/gm)].map(
  ([, name = '', text = '']) => ({ name, text }),
)

interface Case {
  readonly alert_rule_test?: readonly { alertname: string; exp_alerts?: readonly unknown[] }[]
  readonly promql_expr_test?: readonly { exp_samples?: readonly { labels: string; value: number }[] }[]
}

const { tests } = parse(read('deploy/prometheus/rules.test.yml')) as { tests: Case[] }
/** Alerts that some case expects to fire, by themselves or among the series ALERTS. */
const firing = new Set([
  ...tests
    .flatMap((one) => one.alert_rule_test ?? [])
    .filter(({ exp_alerts = [] }) => exp_alerts.length > 0)
    .map(({ alertname }) => alertname),
  ...tests
    .flatMap((one) => one.promql_expr_test ?? [])
    .flatMap(({ exp_samples = [] }) => exp_samples)
    .filter(({ value }) => value === 1)
    .flatMap(({ labels }) => /^ALERTS\{alertname="(\w+)", alertstate="firing"/.exec(labels)?.[1] ?? []),
])

describe('alerts', () => {
  it('and sections of docs/operations.md are the same, in the same order', () => {
    assert.ok(rules.length > 10)
    assert.deepEqual(
      sections.map(({ name }) => name),
      rules.map(({ alert }) => alert),
    )
  })

  for (const { alert, labels, annotations } of rules)
    it(`${alert} says how urgent it is, what it is about, and where to read on`, () => {
      assert.match(labels.severity, /^(page|ticket)$/)
      assert.ok(annotations.summary.length > 10)
      assert.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`)
      assert.ok((sections.find(({ name }) => name === alert)?.text.length ?? 0) > 100)
    })

  for (const { alert } of rules)
    it(`${alert} has a case in which it fires`, () => {
      assert.ok(firing.has(alert))
    })
})
