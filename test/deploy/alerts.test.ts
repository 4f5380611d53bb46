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
      const cases = read('deploy/prometheus/rules.test.yml')
      assert.match(cases, new RegExp(`alertname(: |=~?"[\\w|]*)${alert}[\\s\\S]*?(exp_alerts|value: 1)`))
    })
})

it('every link inside docs/operations.md leads somewhere', () => {
  const anchors = [...operations.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  )
  for (const [, anchor = ''] of operations.matchAll(/\]\(#([^)]+)\)/g))
    assert.ok(anchors.includes(anchor), anchor)
})
