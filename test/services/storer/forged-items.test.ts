/** Items that somebody without the refresher's word has put into the storer's queue: nothing is stored anywhere else, nothing is touched. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import pino from 'pino'
import type { StoreDeps } from '../../../services/storer/deps.ts'
import { handleStore } from '../../../services/storer/handle.ts'
import { planStores } from '../../../services/storer/plan.ts'
import { Permanent } from '../../../shared/contracts/errors.ts'
import { type StoreItem, storeItem } from '../../../shared/contracts/messages.ts'
import type { Received } from '../../../shared/work/consume/handle-message.ts'
import { openRunCache } from '../../../shared/work/run-cache.ts'
import { noneRevoked, readyOf, runIds, siteOf } from '../build.ts'

const directory = mkdtempSync(join(tmpdir(), 'mt-forged-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** A collector that names one schedd, and counts in a file how often it was asked. */
const condorStatus = join(directory, 'condor_status')
writeFileSync(condorStatus, `#!/bin/sh\necho asked >>${directory}/asked\necho credd1.lab.example\n`)
chmodSync(condorStatus, 0o755)

const collected = siteOf(`refresher: {condorStatus: ${condorStatus}}`)
const configured = siteOf(
  `refresher: {condorStatus: ${condorStatus}}`,
  'condorCreddHostOverride: credd1.lab.example',
)

/** Everything that storing would need: to touch it is to have begun. */
const touched: string[] = []
const untouchable = (name: string) =>
  new Proxy(
    {},
    {
      get(_, what) {
        touched.push(`${name}.${String(what)}`)
        throw new Error(`${name}.${String(what)} was touched`)
      },
    },
  )
const needed = ['targets', 'tickets', 'lease', 'lanes', 'credds', 'staging', 'hasOwnNames', 'vaultPause']

function store(item: StoreItem, site = configured) {
  touched.length = 0
  const deps = {
    ...Object.fromEntries(needed.map((name) => [name, untouchable(name)])),
    ...{ site: () => site, answers: openRunCache(), lockFile: '/nowhere/lock', revoked: noneRevoked },
  } as unknown as StoreDeps
  const received = { body: item, signal: new AbortController().signal, log: pino({ level: 'silent' }) }
  return handleStore(received as unknown as Received<StoreItem>, deps)
}
const item = (more: Partial<StoreItem> = {}): StoreItem => {
  const ready = readyOf({ credds: ['credd1.lab.example'] })
  return storeItem.parse({ ...ready, ready, credd: 'credd1.lab.example', ...more })
}

describe('a store of a token', () => {
  const forged: Record<string, [Partial<StoreItem>, string]> = {
    'in another’s credd': [{ credd: 'evil.host' }, 'credd'],
    'in a path': [{ credd: 'a/../../../x' }, 'credd'],
    'of another experiment’s entry': [{ entry: 'nova_production' }, 'entry-unknown'],
    'of another service of the entry': [{ service: 'dune_analysis' }, 'entry-unknown'],
    'that answers another entry’s token': [
      { ready: readyOf({ entry: 'nova_production', service: 'nova_production', experiment: 'nova' }) },
      'entry-unknown',
    ],
  }
  for (const [how, [more, code]] of Object.entries(forged))
    for (const [where, site] of Object.entries({ configured, collected }))
      it(`${how} is refused where credds are ${where}, before anything is touched`, async () => {
        const wanted = code !== 'credd' ? code : site === configured ? 'entry-unknown' : 'credd-unknown'
        await assert.rejects(
          store(item(more), site),
          (error) => error instanceof Permanent && error.failure.code === wanted,
        )
        assert.deepEqual(touched, [])
      })

  it('in the entry’s own credd begins, whoever has named it', async () => {
    for (const site of [configured, collected]) {
      await assert.rejects(store(item(), site), /targets\.get was touched/)
      assert.deepEqual(touched, ['targets.get'])
    }
  })

  it('is nowhere else, whatever the item says', async () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('dune', 'nova', 'production', 'dune_production', 'nova_production', '__proto__'),
    )
    const anything = fc.record({ entry: name, service: name, experiment: name, role: name, credd: name })
    await fc.assert(
      fc.asyncProperty(anything, async (about) => {
        const begun = await store(item(about)).catch((error: unknown) => !(error instanceof Permanent))
        const isOurs =
          about.entry === 'dune_production' &&
          about.service === 'dune_production' &&
          about.experiment === 'dune' &&
          about.role === 'production' &&
          about.credd === 'credd1.lab.example'
        assert.equal(begun, isOurs)
        assert.equal(touched.length > 0, isOurs)
      }),
      { numRuns: 500 },
    )
  })

  it('is planned for the configured credds of the entry alone', async () => {
    const credds = ['credd1.lab.example', 'evil.host']
    const planned = await planStores({ body: readyOf({ credds }) }, () => configured)
    assert.deepEqual(
      planned.map((one) => one.kind === 'work' && one.subject),
      ['store.dune.production.credd1_lab_example'],
    )
    for (const more of [{ experiment: 'nova' }, { service: 'nova_production' }, { entry: 'x_y' }])
      await assert.rejects(
        planStores({ body: readyOf({ credds, ...more }) }, () => configured),
        Permanent,
      )
  })

  it('of one run asks the collector once', async () => {
    const count = () => readFileSync(join(directory, 'asked'), 'utf8').split('\n').length
    const answers = openRunCache()
    const before = count()
    for (let times = 0; times < 3; times++) {
      const received = {
        body: item({ run: runIds[2] }),
        signal: new AbortController().signal,
        log: pino({ level: 'silent' }),
      }
      const deps = {
        targets: untouchable('targets'),
        site: () => collected,
        answers,
        revoked: noneRevoked,
      } as unknown as StoreDeps
      await assert.rejects(handleStore(received as unknown as Received<StoreItem>, deps), /targets/)
    }
    assert.equal(count() - before, 1)
  })
})
