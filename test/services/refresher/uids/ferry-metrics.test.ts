/** What the predecessor measured of FERRY, after everybody was asked for: answered, half answered, and not at all. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import pino from 'pino'
import { writeFaults } from '../../../../sandbox/faults.ts'
import { startFerry } from '../../../../sandbox/ferry.ts'
import { layoutOf } from '../../../../sandbox/layout.ts'
import { makeTls } from '../../../../sandbox/tls.ts'
import { refreshUids } from '../../../../services/refresher/uids/refresh-uids.ts'
import type { Entry } from '../../../../shared/config/site.ts'
import {
  ferryRequestErrors,
  ferryRequestSeconds,
  lastFerryRefresh,
  stageSeconds,
} from '../../../../shared/telemetry/metrics/kept-metrics.ts'
import { makeEntry } from '../../../support/entry.ts'
import { runIds, siteOf } from '../../build.ts'
import { fakeBus } from '../../fake-bus.ts'
import { fakeKv } from '../../fake-kv.ts'

const valueIn = async (metric: typeof lastFerryRefresh) => (await metric.get()).values[0]?.value
const answers = async () =>
  (await ferryRequestSeconds.get()).values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ??
  0

it('FERRY’s metrics: when it answered last, how fast, and how many accounts it did not tell', async () => {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'mt-ferry-')))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(layout.dir, { recursive: true }))
  mkdirSync(layout.vault)
  const tls = await makeTls(layout)
  const ferry = stack.use(
    await startFerry({ dir: layout.dir, tls, users: [{ username: 'novapro', uid: 4711 }] }),
  )
  const section = `ferry: { host: localhost, port: ${ferry.port}, caPath: ${layout.vaultCa} }`
  const site = siteOf(section)
  const ask = async (others: readonly Entry[] = []) => {
    await refreshUids(runIds[0], 'request', {
      bus: fakeBus().bus,
      uids: fakeKv().kv,
      freshSite: () => ({ ...site, entries: [...site.entries, ...others] }),
      log: pino({ level: 'silent' }),
      signal: new AbortController().signal,
    })
  }

  const before = Date.now() / 1_000
  await ask()
  assert.equal(await valueIn(ferryRequestErrors), 0)
  assert.equal(await answers(), 1)
  const answered = (await valueIn(lastFerryRefresh)) ?? 0
  assert.ok(answered >= before)
  const stages = (await stageSeconds.get()).values.map(({ labels }) => Object.values(labels).join(' '))
  assert.deepEqual(stages.sort(), [
    'refresh-uids-from-ferry getFERRYData',
    'refresh-uids-from-ferry refreshManagedTokensDB',
  ])

  await ask([makeEntry({ account: 'mu2epro' })])
  assert.equal(await valueIn(ferryRequestErrors), 1, 'one account that FERRY does not know')
  assert.equal(await answers(), 3)

  const last = await valueIn(lastFerryRefresh)
  writeFaults(layout.dir, { 'ferry-down': true })
  await ask()
  assert.equal(await valueIn(ferryRequestErrors), 1)
  assert.equal(await answers(), 3, 'what did not answer has no duration')
  assert.equal(await valueIn(lastFerryRefresh), last, 'and is no refresh')
})
