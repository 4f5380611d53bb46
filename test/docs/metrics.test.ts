/** docs/metrics.md names every metric with its type and labels. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { registry } from '../../shared/telemetry/metrics/registry.ts'
import '../../shared/telemetry/metrics/scrape.ts'

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')

test('the page lists every metric with its type and labels, and no other', () => {
  const documented = [...page.matchAll(/^\| `(\w+)` *\| (\w+) *\| (.*?) *\|/gm)].map(
    ([, name, type, labels]) => ({
      name,
      type,
      labels: [...String(labels).matchAll(/`(\w+)`/g)].map(([, label]) => label),
    }),
  )
  const declared = registry.getMetricsAsArray().map((metric) => {
    const { name, type, labelNames } = metric as unknown as {
      name: string
      type: string
      labelNames: string[]
    }
    return { name, type, labels: [...labelNames] }
  })
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
    String(a.name).localeCompare(String(b.name))
  assert.deepEqual(documented.sort(byName), declared.sort(byName))
})
