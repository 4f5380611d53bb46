/** The dashboards are whole: laid out without overlap, of data sources that are provisioned, about metrics that exist. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { compose, mountsOf, read } from './compose-file.ts'
import { dashboards, type Panel, promqlQueries } from './dashboard-files.ts'

const { datasources } = parse(read('deploy/grafana/provisioning/datasources/managed-tokens.yml')) as {
  datasources: { uid: string; type: string; url: string }[]
}

/** Metrics of docs/metrics.md; a histogram has three. */
const known = new Set(
  [...read('docs/metrics.md').matchAll(/^\| `(managed_tokens_\w+)` +\| (\w+)/gm)].flatMap(
    ([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => `${name}${end}`) : [name],
  ),
)
const metricsIn = (text: string) => text.match(/\bmanaged_tokens_\w+/g) ?? []

const overlap = ({ gridPos: a }: Panel, { gridPos: b }: Panel) =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

describe('dashboards', () => {
  it('are four, each with an address of its own', () => {
    assert.deepEqual(
      dashboards.map(({ dashboard }) => dashboard.uid).sort(),
      ['daemons', 'fleet', 'run', 'service'].map((name) => `managed-tokens-${name}`),
    )
  })

  for (const { file, dashboard } of dashboards) {
    it(`${file}: panels are numbered, stand side by side within 24 columns, and ask something`, () => {
      const { panels } = dashboard
      assert.deepEqual(
        panels.map(({ id }) => id),
        panels.map((_, index) => index + 1),
      )
      for (const [index, panel] of panels.entries()) {
        assert.ok(panel.gridPos.x + panel.gridPos.w <= 24, panel.title)
        for (const other of panels.slice(index + 1))
          assert.ok(!overlap(panel, other), `${panel.title} and ${other.title}`)
        assert.ok(panel.targets.length > 0, panel.title)
        assert.equal(new Set(panel.targets.map(({ refId }) => refId)).size, panel.targets.length)
      }
    })

    it(`${file}: thresholds begin without a value and go up`, () => {
      for (const { title, fieldConfig } of dashboard.panels) {
        const [first, ...rest] = fieldConfig.defaults.thresholds?.steps ?? [{ value: null }]
        assert.equal(first?.value, null, title)
        const values = rest.map(({ value }) => Number(value))
        assert.deepEqual(
          values,
          values.toSorted((a, b) => a - b),
          title,
        )
      }
    })

    it(`${file}: data sources, variables and linked dashboards are there`, () => {
      for (const { title, datasource } of dashboard.panels)
        assert.ok(
          datasources.some(({ uid, type }) => uid === datasource.uid && type === datasource.type),
          title,
        )
      const text = JSON.stringify(dashboard)
      const variables = dashboard.templating.list.map(({ name }) => name)
      for (const [, name = ''] of text.matchAll(/\$(?!__)(\w+)/g))
        assert.ok(variables.includes(name), `$${name} is defined`)
      for (const [, uid, variable] of text.matchAll(/\/d\/([\w-]+)\?var-(\w+)=/g)) {
        const linked = dashboards.find((one) => one.dashboard.uid === uid)?.dashboard
        assert.ok(linked?.templating.list.some(({ name }) => name === variable))
      }
    })
  }

  it('let every service be chosen, also one that was never served, and name what is shown for never', () => {
    const service = dashboards.find(({ dashboard }) => dashboard.title === 'Service')?.dashboard
    for (const { query } of service?.templating.list ?? [])
      assert.match(JSON.stringify(query), /managed_tokens_target_consecutive_failures\b/)
    const showing = dashboards
      .flatMap(({ dashboard }) => dashboard.panels)
      .filter(({ targets }) => targets.some(({ expr }) => expr?.includes('1e9')))
    assert.ok(showing.length > 4)
    for (const { title, fieldConfig } of showing)
      assert.match(JSON.stringify(fieldConfig), /"1000000000":\{"text":"never"/, title)
  })

  it('and alert rules know only metrics that docs/metrics.md has', () => {
    assert.ok(known.size > 20)
    const texts = [
      read('deploy/prometheus/rules.yml'),
      ...dashboards.map(({ dashboard }) => JSON.stringify(dashboard)),
    ]
    for (const name of texts.flatMap(metricsIn)) assert.ok(known.has(name), name)
    assert.ok(promqlQueries.length > 30)
  })

  it('are where Grafana of compose.yaml is told to look for them, and its data sources are containers', () => {
    const { grafana } = compose.services
    assert.ok(grafana)
    const mounts = mountsOf(grafana)
    const { providers } = parse(read('deploy/grafana/provisioning/dashboards/managed-tokens.yml')) as {
      providers: { options: { path: string } }[]
    }
    assert.equal(mounts.get(providers[0]?.options.path ?? '')?.from, './deploy/grafana/dashboards')
    assert.equal(mounts.get('/etc/grafana/provisioning')?.from, './deploy/grafana/provisioning')
    for (const { url } of datasources) assert.ok(new URL(url).hostname in compose.services, url)
  })
})
