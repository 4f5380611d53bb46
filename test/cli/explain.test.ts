import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainService } from '../../cli/explain.ts'
import { load, siteText } from '../shared/config/site-text.ts'

test('each value is shown with the line it comes from', (t) => {
  const { site, origins } = load(t, siteText('minTokenLifetime: 2d', 'desiredUIDOverride: 50123'))
  const { exitCode, text, json } = explainService(site, origins, 'dune_production')
  assert.equal(exitCode, 0)
  const line = (key: string) =>
    text
      .split('\n')
      .find((one) => one.trim().startsWith(`${key} `))
      ?.trim()
      .replace(/ +/g, ' ')
  assert.equal(line('desiredUid'), `desiredUid 50123 — desiredUIDOverride (${site.file}:12)`)
  assert.equal(line('minTokenLifetime'), `minTokenLifetime 2d — minTokenLifetime (${site.file}:4)`)
  assert.equal(line('keytab'), `keytab /srv/keytabs/dunepro.keytab — keytabPath, filled in (${site.file}:1)`)
  assert.equal(line('tokenGetter'), 'tokenGetter storeAndGetToken — default')
  assert.equal(line('credds'), 'credds (the collector tells them) — default')
  assert.match(
    line('roleFileTemplate') ?? '',
    /jobsub_default_role_\S+ — default \(the predecessor’s is \/tmp\/default_role_\{\{\.Experiment\}\}_\{\{\.DesiredUID\}\}\)$/,
  )
  assert.ok('values' in json)
  assert.deepEqual(json.values.desiredUid, {
    value: 50123,
    source: 'override',
    key: 'experiments.dune.roles.production.desiredUIDOverride',
    file: site.file,
    line: 12,
    column: 9,
  })
  assert.deepEqual(json.values.credds, { value: null, source: 'default' })
})

test('names are taken in any case', (t) => {
  const { site, origins } = load(t, siteText())
  assert.equal(explainService(site, origins, 'DUNE_Production').exitCode, 0)
})

test('an unknown service is answered with the nearest one, or with all', (t) => {
  const { site, origins } = load(t, siteText())
  const near = explainService(site, origins, 'dume_production')
  assert.equal(near.exitCode, 2)
  assert.match(near.text, /^no service "dume_production" in .*; did you mean dune_production\?$/)
  assert.ok('error' in near.json && near.json.error.nearest === 'dune_production')
  assert.match(explainService(site, origins, 'x').text, /configured are: dune_production$/)
})
