import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { needsRestart } from '../../../shared/config/restart.ts'
import { load, siteText } from './site-text.ts'

const cases: Record<string, [string, readonly string[]]> = {
  'nothing where nothing changed': ['', []],
  'nothing that is read at every run': ['minTokenLifetime: 5d\nerrorCountToSendMessage: 3', []],
  'a port of the metrics': ['telemetry: {metricsPort: 9100}', ['telemetry']],
  'how many at the same time': [
    'refresher: {concurrency: 3}\ndistributor: {concurrency: 5}',
    ['refresher.concurrency', 'distributor.concurrency'],
  ],
  'the lock of the storer': ['storer: {lockFile: /run/other.lock}', ['storer.lockFile']],
  'the keys of seals': ['sealing: {seedFile: /etc/seal.nk}', ['sealing']],
  'the far ends of telemetry': [
    'tracing: {url: "http://c.lab.example:4318"}\nloki: {host: loki.lab.example}\nprometheus: {host: push.lab.example}',
    ['tracing.url', 'loki', 'prometheus'],
  ],
  'where logs and NATS are': [
    'logs: {token-push: {logfile: /var/log/mt/push.log}}\nnats: {servers: ["nats://n.lab.example:4222"]}',
    ['nats', 'logs.token-push.logfile'],
  ],
}

describe('a changed configuration needs a restart for', () => {
  for (const [name, [extra, keys]] of Object.entries(cases))
    it(name, (t) => {
      const before = load(t, siteText()).site
      const after = load(t, siteText(extra)).site
      assert.deepEqual([...needsRestart(before, after)].sort(), [...keys].sort())
      assert.deepEqual(needsRestart(after, after), [])
    })
})
