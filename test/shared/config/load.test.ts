import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { loadSite } from '../../../shared/config/load.ts'
import { brief, load, noEnvironment, siteText, writeSite } from './site-text.ts'

const fixture = fileURLToPath(new URL('../../fixtures/managedTokens.yml', import.meta.url))

test("the predecessor's file loads as it stands, with warnings only", () => {
  const { site, warnings } = loadSite(fixture, noEnvironment)
  assert.deepEqual(
    site.entries.map(({ name }) => name),
    ['atlas-east_production', 'atlas-west_production', 'muons_production'],
  )
  assert.deepEqual(
    warnings.map(({ severity, path }) => `${severity} ${path}`),
    [
      'warning pingOptions',
      'warning tracing.url',
      'warning workerType.pushTokens',
      'warning experiments.atlas-west.roles.production',
      'warning experiments.atlas-west.roles.production',
    ],
  )
})

test('an entry takes overrides before global values before defaults', () => {
  const { site } = loadSite(fixture, noEnvironment)
  assert.deepEqual(site.entries[1], {
    name: 'atlas-west_production',
    experiment: 'atlas-west',
    realExperiment: 'atlas-east',
    role: 'production',
    service: 'atlas-east_production',
    account: 'atlaspro',
    principal: 'atlaspro/west/robot@OTHER.EXAMPLE',
    keytab: '/srv/west/atlas.keytab',
    desiredUid: 40123,
    nodes: ['east1.lab.example'],
    deliver: { vault: true, bearers: [] },
    tokenGetter: 'storeAndGetToken',
    storerMethod: 'script',
    credds: ['credd.west.example'],
    collectors: ['collector.west.example'],
    scheddConstraint: 'IsSubmitHost =?= true',
    vaultServer: 'vault.lab.example',
    vaultTokenRoot: '/var/lib/lab/credd-vault-tokens',
    minTokenLifetime: '2d',
    credkey: 'atlaspro/west/robot@OTHER.EXAMPLE',
    roleFileTemplate: '/tmp/west_{{.DesiredUID}}_{{.Account}}',
    tokenDirectoryTemplate: '/tmp',
    transport: 'ssh',
    sshOptions: ['-o', 'ConnectTimeout=20', '-o', 'BatchMode=yes'],
    fileCopierOptions: ['--perms', '--chmod=u=r,go='],
    disableNotifications: false,
    emails: ['atlas-west@lab.example'],
  })
  const plain = site.entries[2]
  assert.equal(plain?.keytab, '/srv/keytabs/muonpro.keytab')
  assert.equal(plain?.principal, 'muonpro/managedtokens/robot.lab.example@LAB.EXAMPLE')
  assert.equal(plain?.desiredUid, undefined)
  assert.equal(plain?.credds, undefined)
})

test('the site has every setting in milliseconds, and nothing where nothing is set', () => {
  const { site } = loadSite(fixture, noEnvironment)
  assert.deepEqual(site.timeouts, {
    globalMs: 240_000,
    kerberosMs: 15_000,
    vaultStorerMs: 90_000,
    pingMs: 8_000,
    pushMs: 45_000,
    ferryRequestMs: 12_000,
  })
  assert.deepEqual(site.retries.push, { numRetries: 4, retrySleepMs: 50_000 })
  assert.deepEqual(site.retries.store, { numRetries: 1, retrySleepMs: 2_000 })
  assert.equal(site.errorCountToSendMessage, 4)
  assert.equal(site.devEnvironmentLabel, 'rehearsal')
  assert.equal(site.ferry?.caPath, 'certificates/authorities')
  assert.ok(site.ferry && !('serviceRole' in site.ferry))
  assert.deepEqual(site.email, { from: 'robots@lab.example', smtpHost: 'mail.lab.example', smtpPort: 587 })
  assert.deepEqual(site.notificationsTest.adminEmail, ['rehearsals@lab.example'])
  assert.equal(site.logDirectory, '/var/log/lab')
  assert.ok(!('tracingUrl' in site), 'a URL that traces cannot be sent to must not switch tracing on')
  assert.equal(site.vault.rateLimitPause, 300_000)
  assert.equal(site.distributor.probePeriod, 60_000)
  assert.equal(site.hash, createHash('sha256').update(readFileSync(fixture)).digest('hex'))
})

test('the least file there can be has the defaults of the predecessor', (t) => {
  const { site, warnings } = load(t, siteText())
  assert.deepEqual(warnings, [])
  assert.deepEqual(site.timeouts, {
    globalMs: 300_000,
    kerberosMs: 20_000,
    vaultStorerMs: 60_000,
    pingMs: 10_000,
    pushMs: 30_000,
    ferryRequestMs: 30_000,
  })
  for (const retry of Object.values(site.retries)) assert.deepEqual(retry, { numRetries: 0, retrySleepMs: 0 })
  assert.equal(site.errorCountToSendMessage, 1)
  assert.equal(site.devEnvironmentLabel, 'production')
  const [entry] = site.entries
  assert.equal(entry?.minTokenLifetime, '10s')
  assert.equal(entry?.roleFileTemplate, '/tmp/jobsub_default_role_{{.Experiment}}_{{.DesiredUID}}')
  assert.deepEqual(entry?.fileCopierOptions, ['--perms', '--chmod=u=r,go='])
  assert.deepEqual(
    [site.email, site.ferry, site.notifications.slackUrl, site.telemetry.metricsPort],
    [undefined, undefined, undefined, undefined],
  )
})

test('everything is frozen, down to the last list', (t) => {
  const { site } = load(t, siteText())
  const walk = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    assert.ok(Object.isFrozen(value))
    Object.values(value).forEach(walk)
  }
  walk(site)
})

test('the same file as JSON gives the same site, indented with blanks or tabs', (t) => {
  const yaml = loadSite(fixture, noEnvironment)
  for (const indent of [2, '\t', undefined]) {
    const text = JSON.stringify(parse(readFileSync(fixture, 'utf8')), null, indent)
    const json = load(t, text, 'managedTokens.json')
    assert.deepEqual(json.site.entries, yaml.site.entries)
    assert.equal(json.warnings.length, yaml.warnings.length)
  }
})

test('keys are the same in any case, ours too, and experiments and roles become lower case', (t) => {
  const text = siteText('DISTRIBUTOR: {PERNODE: 2}\nTimeOuts: {GLOBALTIMEOUT: 200s}')
    .replace('dune:', 'DUNE:')
    .replace('production:', 'Production:')
  const { site, warnings } = load(t, text)
  assert.deepEqual(warnings, [])
  assert.equal(site.distributor.perNode, 2)
  assert.equal(site.timeouts.globalMs, 200_000)
  assert.equal(site.entries[0]?.name, 'dune_production')
})

test('anchors, aliases and merged maps are followed', (t) => {
  const text = siteText('', '')
    .replace('    roles:', '    roles: &roles')
    .concat(`  nova:
    emails: [nova@lab.example]
    roles:
      production:
        <<: &base {account: novapro, destinationNodes: [node9.lab.example]}
        desiredUIDOverride: 7
      analysis: {<<: *base, account: novaana, destinationNodes: []}
  dune-2: {emails: [], experimentOverride: dune, roles: *roles}
`)
  const { site } = load(t, text)
  const named = Object.fromEntries(site.entries.map((entry) => [entry.name, entry]))
  assert.deepEqual(named.nova_production?.nodes, ['node9.lab.example'])
  assert.equal(named.nova_analysis?.account, 'novaana')
  assert.equal(named['dune-2_production']?.account, 'dunepro')
})

test('lists may be one text, numbers and truth values quoted, empty values left out', (t) => {
  const { site, warnings } = load(
    t,
    siteText(
      'errorCountToSendMessage: "2"\ndisableNotifications: "true"\nloki: {host: ""}\ntracing: {url: }\nferry: {host: f.x, port: "1", serviceRole: ""}',
    ).replace('[node1.lab.example]', 'node1.lab.example, node2.lab.example node3.lab.example'),
  )
  assert.deepEqual(warnings, [])
  assert.deepEqual(site.entries[0]?.nodes, ['node1.lab.example', 'node2.lab.example', 'node3.lab.example'])
  assert.equal(site.errorCountToSendMessage, 2)
  assert.equal(site.disableNotifications, true)
  assert.deepEqual(site.ferry, { host: 'f.x', port: 1 })
})

test('an empty override switches a global text off', (t) => {
  const { site } = load(t, siteText('sshOptions: -v', 'sshOptionsOverride: ""'))
  assert.deepEqual(site.entries[0]?.sshOptions, [])
})

test('templates see the real experiment, and an entry without credd asks for none', (t) => {
  const text = siteText('keytabPath: /x', 'tokenGetterOverride: getToken\ncredkeyOverride: dune/key').replace(
    'keytabPath: /srv/keytabs\n',
    '',
  )
  const { site } = load(
    t,
    text
      .replace('keytabPath: /x', 'keytabPath: "/k/{{.Experiment}}/{{.Role}}/"')
      .replace('    roles', '    experimentOverride: real\n    roles'),
  )
  assert.equal(site.entries[0]?.keytab, '/k/real/production/dunepro.keytab')
  assert.equal(site.entries[0]?.service, 'real_production')
  assert.equal(site.entries[0]?.tokenGetter, 'getToken')
  assert.equal(site.entries[0]?.credkey, 'dune/key')
})

test("the site's realms are taken off for the credkey, others kept", (t) => {
  const credkey = (principal: string) =>
    load(t, siteText('refresher: {stripRealms: [OWN.EXAMPLE]}', `userPrincipalOverride: ${principal}`)).site
      .entries[0]?.credkey
  assert.equal(credkey('a/b/c@FNAL.GOV'), 'a/b/c')
  assert.equal(credkey('a/b/c@OWN.EXAMPLE'), 'a/b/c')
  assert.equal(credkey('a/b/c@OTHER.EXAMPLE'), 'a/b/c@OTHER.EXAMPLE')
})

test('the environment names the installation before the file does', (t) => {
  const file = writeSite(t, siteText('devEnvironmentLabel: file'))
  assert.equal(
    loadSite(file, readEnvironment({ MANAGED_TOKENS_DEV_ENVIRONMENT_LABEL: 'outside' })).site
      .devEnvironmentLabel,
    'outside',
  )
})

test('the Pushgateway’s job names an installation that is not production', (t) => {
  const file = writeSite(t, siteText('prometheus: {host: push.lab.example}'))
  const jobOf = (label?: string) =>
    loadSite(file, readEnvironment(label ? { MANAGED_TOKENS_DEV_ENVIRONMENT_LABEL: label } : {})).site
      .prometheus?.jobname
  assert.deepEqual([jobOf(), jobOf('development')], ['managed_tokens', 'managed_tokens_development'])
})

test('warnings say what stays in force', (t) => {
  const { warnings } = load(
    t,
    siteText(
      'workerType: {pushTokens: {numRetries: 2, retrySleep: 2m}}',
      'pingOptionsOverride: -c1\nnotes: by hand',
    ),
  )
  assert.deepEqual(warnings.map(brief), [
    '4:14 warning the retries of pushTokens take up to 3 × 30s + 2 × 2m = 5m30s, but the pauses alone (4m) exceed pushTimeout (30s), and globalTimeout is 5m: they are kept, and a failure may be reported only in a later run — expected fewer retries or a shorter retrySleep',
    '12:9 warning experiments.dune.roles.production.pingOptionsOverride has no effect: a node is probed on its ssh port, not pinged — this key can go',
    '13:9 warning unknown key "notes" in experiments.dune.roles.production, ignored — see docs/configuration.md',
  ])
})
