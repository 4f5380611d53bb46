import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, it } from 'node:test'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName, principalOf, serviceName } from '../../sandbox/entry.ts'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { layoutOf } from '../../sandbox/layout.ts'
import { writeConfig } from '../../sandbox/write-config.ts'
import { readEnvironment } from '../../shared/config/environment.ts'
import { loadSite } from '../../shared/config/load.ts'
import { makeTemporaryDirectory } from './site-support.ts'

const layout = layoutOf(join(makeTemporaryDirectory(), 'site'))
mkdirSync(layout.dir)
after(() => rmSync(dirname(layout.dir), { recursive: true }))

const addresses = {
  vaultPort: 1,
  ferryPort: 2,
  smtpPort: 3,
  slackUrl: 'http://127.0.0.1:4/services/x',
  otlpPort: 5,
}
const asSite = (entries = defaultEntries, settings = {}) => {
  writeConfig(layout, entries, addresses, { holdSsh: true, settings })
  return loadSite(layout.config, readEnvironment({}))
}

it('the sandbox’s configuration says what its entries say, without a warning', () => {
  const { site, warnings } = asSite()
  assert.deepEqual(warnings, [])
  assert.equal(site.entries.length, defaultEntries.length)
  for (const wanted of defaultEntries) {
    const entry = site.entries.find(({ name }) => name === entryName(wanted))
    assert.ok(entry, entryName(wanted))
    const { service, account, principal, nodes, tokenGetter, desiredUid, credds } = entry
    assert.deepEqual(
      { service, account, principal, nodes, tokenGetter, desiredUid, credds },
      {
        service: serviceName(wanted),
        account: wanted.account,
        principal: principalOf(wanted.account),
        nodes: wanted.nodes,
        tokenGetter: wanted.creddsFrom === 'none' ? 'getToken' : 'storeAndGetToken',
        desiredUid: wanted.uidFrom === 'config' ? wanted.uid : undefined,
        credds: wanted.creddsFrom === 'config' ? wanted.credds : undefined,
      },
    )
    assert.deepEqual(entry.sshOptions, ['-F', layout.sshConfig])
    assert.equal(entry.keytab, join(layout.keytabs, `${account}.keytab`))
  }
  assert.equal(site.distributor.ssh, join(layout.bin, 'ssh'))
})

it('a configuration of forty generated entries loads too, with settings of the test’s own', () => {
  const entries = generateEntries({ entries: 40, nodes: 2, credds: 2 })
  const { site, warnings } = asSite(entries, { timeouts: { pushTimeout: '7s' }, errorCountToSendMessage: 3 })
  assert.deepEqual(warnings, [])
  assert.equal(site.entries.length, 40)
  assert.equal(site.timeouts.pushMs, 7000)
  assert.equal(site.timeouts.kerberosMs, 10_000)
  assert.equal(site.errorCountToSendMessage, 3)
})
