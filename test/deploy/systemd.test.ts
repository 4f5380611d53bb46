/** The units start what is in the repository, as small as "up" does, with the credentials that the page has the configuration name. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import * as places from '../../cli/setup/places.ts'
import { wantedKeys } from '../../cli/setup/steps/configure.ts'
import { userOf, userSteps } from '../../cli/setup/steps/users.ts'
import type { Wish } from '../../cli/setup/wish.ts'
import { smallProcess } from '../../cli/up/small-process.ts'
import { readEnvironment } from '../../shared/config/environment.ts'
import { searchPath } from '../../shared/config/read/find.ts'
import { siteJsonSchema } from '../../shared/config/schema/json-schema.ts'
import { daemons } from '../../shared/contracts/subjects.ts'
import { defaultStateRoot, sealingSeedFile, seedFile, signingSeedFile } from '../../shared/daemon/state.ts'
import { fakeMachine } from '../cli/setup/fake-machine.ts'
import { read, root } from './compose-file.ts'

const installed = '/opt/managed-tokens-daemons'
const credentials = '/etc/managed-tokens/credentials'
const unit = read('deploy/systemd/managed-tokens@.service')
const page = read('docs/operations.md')

/** Every value of a key. */
const valuesOf = (text: string, key: string) =>
  [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)

const wish: Wish = { root, user: 'managed-tokens', host: 'localhost', port: 4222, isBusHere: true }

const configuration = parse(/```yaml install configuration\n([\s\S]*?)```/.exec(page)?.[1] ?? '') as {
  nats: { seedFile: string }
  sealing: { seedFile: string; signingKeyFile: string }
  telemetry: { metricsPort: number }
}

describe('systemd units', () => {
  it('and the keys of the page are those that setup adds', () => {
    assert.deepEqual(
      configuration,
      Object.fromEntries(wantedKeys(wish, true).map(({ name, keys }) => [name, keys])),
    )
  })

  for (const daemon of daemons)
    it(`start the ${daemon}, which is there, with the configuration and state of the page`, () => {
      const [command = ''] = valuesOf(unit, 'ExecStart').map((value) => value.replaceAll('%i', daemon))
      const [runner = '', main = '', ...options] = command.split(' ')
      for (const file of [runner, main])
        assert.ok(existsSync(join(root, file.slice(installed.length))), `${file} is in the repository`)
      assert.deepEqual(options, ['--state', defaultStateRoot])
      assert.equal(places.settings, searchPath()[0])
    })

  it('hand each daemon the seed that "managed-tokens keys" made for it, where the configuration looks', () => {
    const [id = '', from = ''] = valuesOf(unit, 'LoadCredential')[0]?.split(':') ?? []
    for (const daemon of daemons) {
      assert.equal(from.replaceAll('%i', daemon), seedFile(credentials, daemon))
      assert.equal(
        configuration.nats.seedFile.replaceAll('{{.Daemon}}', daemon),
        `/run/credentials/managed-tokens@${daemon}.service/${id}`,
      )
    }
    assert.equal(places.credentials, credentials)
  })

  it('hand the seed that opens tokens to the distributor alone', () => {
    const dropIn = read('deploy/systemd/managed-tokens@distributor.service.d/sealing.conf')
    const [id = '', from = ''] = valuesOf(dropIn, 'LoadCredential')[0]?.split(':') ?? []
    assert.equal(from, sealingSeedFile(credentials))
    assert.equal(configuration.sealing.seedFile, `/run/credentials/managed-tokens@distributor.service/${id}`)
    assert.doesNotMatch(unit, /sealing/)
  })

  it('hand the seed that signs tokens to the refresher alone, and its public half is where the distributor looks', () => {
    const dropIn = read('deploy/systemd/managed-tokens@refresher.service.d/signing.conf')
    const [id = '', from = ''] = valuesOf(dropIn, 'LoadCredential')[0]?.split(':') ?? []
    assert.equal(from, signingSeedFile(credentials))
    assert.equal(
      configuration.sealing.signingKeyFile,
      `/run/credentials/managed-tokens@refresher.service/${id}`,
    )
    assert.doesNotMatch(unit, /signing/)
    assert.equal(places.state, defaultStateRoot)
  })

  it('start daemons as small as "up" does, at home in their own state', () => {
    // Quoted where there are blanks in it.
    const environment = valuesOf(unit, 'Environment').map((one) => one.replace(/^"(.*)"$/, '$1'))
    const own = `${defaultStateRoot}/%i`
    assert.deepEqual(
      environment.sort(),
      Object.entries({ ...smallProcess(own), HOME: own })
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    )
  })

  it('give each daemon a user that setup makes, a state directory and a log directory that nobody else enters', () => {
    assert.deepEqual(valuesOf(unit, 'User'), [userOf('%i')])
    for (const [kind, mode] of [
      ['StateDirectory', '0700'],
      ['LogsDirectory', '0700'],
    ] as const) {
      assert.deepEqual(valuesOf(unit, kind), ['managed-tokens/%i'])
      assert.deepEqual(valuesOf(unit, `${kind}Mode`), [mode])
    }
  })

  it('let three of four read keytabs, and setup has the group that may', () => {
    const commands = userSteps(wish)
      .map(({ look }) => look(fakeMachine({})))
      .flatMap((verdict) => (verdict.state === 'todo' ? verdict.script : []))
    assert.deepEqual(
      commands.flatMap(
        (one) => /^gpasswd -a (managed-tokens-\w+) managed-tokens-keytabs$/.exec(one)?.[1] ?? [],
      ),
      daemons.filter((daemon) => daemon !== 'notifier').map(userOf),
    )
    const dropIn = read('deploy/systemd/managed-tokens@notifier.service.d/no-keytabs.conf')
    assert.match(valuesOf(dropIn, 'InaccessiblePaths')[0] ?? '', /-\/etc\/managed-tokens\/keytabs/)
  })

  it('let the storer alone write the vault tokens where the configuration has them by default', () => {
    const [directory] = valuesOf(
      read('deploy/systemd/managed-tokens@storer.service.d/vault-tokens.conf'),
      'StateDirectory',
    )
    const described = parse(JSON.stringify(siteJsonSchema())) as {
      properties: Record<string, { default?: string }>
    }
    assert.equal(`/var/lib/${directory}`, described.properties.serviceCreddVaultTokenPathRoot?.default)
  })

  it('have log files that their users rotate', () => {
    for (const daemon of daemons)
      assert.match(
        read('deploy/logrotate/managed-tokens-daemons'),
        new RegExp(`^ +su managed-tokens-${daemon} managed-tokens$`, 'm'),
      )
  })

  it('and the page name only variables that the daemons read', () => {
    const named = [...unit.matchAll(/^# (KRB5_CONFIG.*):/gm)].flatMap(([, names = '']) => names.split(', '))
    assert.ok(named.length > 3)
    for (const name of named.filter((one) => !one.endsWith('*') && one !== 'CONDOR_CONFIG'))
      assert.ok(name in readEnvironment({ [name]: 'x' }), name)
  })

  it('the target starts all four, logrotate looks where the units let them write, Prometheus asks the page’s ports', () => {
    const wanted = valuesOf(read('deploy/systemd/managed-tokens.target'), 'Wants')[0]?.split(' ')
    assert.deepEqual(
      wanted,
      daemons.map((daemon) => `managed-tokens@${daemon}.service`),
    )
    const [logs = ''] = valuesOf(unit, 'LogsDirectory')
    const rotated = read('deploy/logrotate/managed-tokens-daemons').match(/^\/.*$/gm)
    // No pattern: logrotate takes a file once only, and those of the predecessor are somebody else's.
    assert.deepEqual(
      rotated,
      daemons.map((daemon) => `/var/log/${logs.replace('%i', daemon)}/${daemon}.log`),
    )
    for (const [index, daemon] of daemons.entries())
      assert.ok(
        read('deploy/prometheus/targets.yml').includes(
          `{ daemon: ${daemon} }\n  targets: ["127.0.0.1:${configuration.telemetry.metricsPort + index}"]`,
        ),
      )
  })
})
