/** compose.yaml gives each daemon what it reads, in the place where it looks. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { smallProcess } from '../../cli/up/small-process.ts'
import { readEnvironment } from '../../shared/config/environment.ts'
import { loadSite } from '../../shared/config/load.ts'
import { type Daemon, daemons } from '../../shared/contracts/subjects.ts'
import { defaultStateRoot, sealingPublicKeyFile, trustedSignersFile } from '../../shared/daemon/state.ts'
import { compose, mountsOf, read, root } from './compose-file.ts'

const { site, warnings } = loadSite(join(root, 'deploy/compose/managedTokens.yml'))
const serviceOf = (name: string) => {
  const service = compose.services[name]
  assert.ok(service, `compose.yaml has ${name}`)
  return service
}
const metricsPort = (daemon: Daemon) => (site.telemetry.metricsPort ?? 0) + daemons.indexOf(daemon)

/** Files that only the operator has; docs/operations.md says how to make them. */
const operatorsOwn = /^\.\/deploy\/compose\/(secrets\/|keytabs$|krb5\.conf$|ssh_known_hosts$)/

describe('compose.yaml', () => {
  it('has the configuration that the daemons accept without a word', () => {
    assert.deepEqual(warnings, [])
  })

  for (const daemon of daemons) {
    it(`starts the ${daemon} with the configuration and state that are mounted there`, () => {
      const service = serviceOf(daemon)
      const [main, option, config = ''] = service.command ?? []
      assert.equal(main, `services/${daemon}/main.ts`)
      assert.ok(existsSync(join(root, main ?? '')))
      assert.equal(option, '--config')
      const mounts = mountsOf(service)
      assert.deepEqual(mounts.get(config), { from: './deploy/compose/managedTokens.yml', readOnly: true })
      assert.deepEqual(mounts.get(defaultStateRoot), { from: daemon, readOnly: false })
      assert.ok(daemon in compose.volumes)
      assert.equal(service.environment?.MANAGED_TOKENS_STATE, defaultStateRoot)
    })

    it(`gives the ${daemon} its own seed and nobody else’s, where the configuration says`, () => {
      const { secrets = [] } = serviceOf(daemon)
      const expected = [site.nats.seedFile?.replaceAll('{{.Daemon}}', daemon)]
      if (daemon === 'distributor') expected.push(site.sealing.seedFile)
      if (daemon === 'refresher') expected.push(site.sealing.signingKeyFile)
      assert.deepEqual(
        secrets.map((name) => `/run/secrets/${name}`),
        expected,
      )
      for (const name of secrets)
        assert.match(compose.secrets[name]?.file ?? '', new RegExp(`/secrets/${daemon}/`))
    })

    it(`gives the ${daemon} keytabs only where it needs them`, () => {
      const keytabs = mountsOf(serviceOf(daemon)).get(site.entries[0]?.keytab?.replace(/\/[^/]+$/, '') ?? '')
      assert.deepEqual(
        keytabs,
        daemon === 'notifier' ? undefined : { from: './deploy/compose/keytabs', readOnly: true },
      )
    })

    it(`asks the ${daemon} for its health on the port where its metrics are, as Prometheus does`, () => {
      const port = metricsPort(daemon)
      const { test } = serviceOf(daemon).healthcheck
      assert.deepEqual(test, ['CMD', 'node', 'cli/probe.ts', `http://127.0.0.1:${port}/readyz`])
      const targets = parse(read('deploy/compose/prometheus-targets.yml')) as object[]
      assert.deepEqual(targets[daemons.indexOf(daemon)], {
        labels: { daemon },
        targets: [`${daemon}:${port}`],
      })
    })

    it(`lets the ${daemon} change nothing but its state, and only knows variables that it reads`, () => {
      const { environment = {}, read_only, cap_drop } = serviceOf(daemon)
      assert.equal(read_only, true)
      assert.deepEqual(cap_drop, ['ALL'])
      const { condor, otel, ...known } = readEnvironment(environment)
      assert.deepEqual(known, environment)
      assert.deepEqual([condor, otel], [{}, {}])
    })
  }

  it('lets the refresher seal to the key that the distributor opens with', () => {
    const mount = mountsOf(serviceOf('refresher')).get(sealingPublicKeyFile(defaultStateRoot))
    assert.deepEqual(mount, { from: './deploy/compose/secrets/sealing.pub', readOnly: true })
  })

  it('lets the distributor trust the key that the refresher signs with', () => {
    const mount = mountsOf(serviceOf('distributor')).get(trustedSignersFile(defaultStateRoot))
    assert.deepEqual(mount, { from: './deploy/compose/secrets/signing.pub', readOnly: true })
  })

  it('names other containers as they are called here', () => {
    const { email, loki, nats, tracingUrl } = site
    const urls = [...(nats.servers ?? []), tracingUrl ?? '', loki?.host ?? '']
    for (const name of [...urls.map((url) => new URL(url).hostname), email?.smtpHost ?? ''])
      assert.ok(name in compose.services, `there is a container ${name}`)
  })

  it('mounts only what is here or is the operator’s to bring', () => {
    for (const service of Object.values(compose.services))
      for (const { from } of mountsOf(service).values())
        assert.ok(
          from in compose.volumes || operatorsOwn.test(from) || existsSync(join(root, from)),
          `${from} is there`,
        )
    for (const { file } of Object.values(compose.secrets)) assert.match(file, operatorsOwn)
  })

  it('publishes to this machine only, pins every image and checks the health of every container', () => {
    for (const [name, { image, ports = [], healthcheck }] of Object.entries(compose.services)) {
      assert.match(image, /:v?\d+\.\d+\.\d+/, name)
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/, name)
      assert.ok(healthcheck.test.length > 1, name)
    }
  })

  it('starts the daemons as small as "up" does', () => {
    const dockerfile = read('Dockerfile')
    for (const [name, value] of Object.entries(smallProcess(defaultStateRoot)))
      assert.ok(dockerfile.includes(`${name}=${/\s/.test(value) ? JSON.stringify(value) : value}`), name)
  })
})
