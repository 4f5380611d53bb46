/** Whatever anybody writes on the bus, a handler either refuses it before it touches anything, or it is what the configuration says. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import pino from 'pino'
import type { PushDeps } from '../../services/distributor/deps.ts'
import { handlePush } from '../../services/distributor/handle.ts'
import { planPushes, planStored } from '../../services/distributor/plan.ts'
import { schemaOfFact } from '../../services/notifier/handle.ts'
import type { RefreshDeps } from '../../services/refresher/deps.ts'
import { handleRefresh } from '../../services/refresher/handle.ts'
import { parseMessage } from '../../shared/bus/parse-message.ts'
import { Permanent } from '../../shared/contracts/errors.ts'
import { pushItem, type TokenReady, tokenReady, tokenStored } from '../../shared/contracts/messages.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { noneRevoked, readyOf, runIds, siteOf } from './build.ts'
import { fakeKv } from './fake-kv.ts'

const site = siteOf()
const receivedOf = <T>(body: T) =>
  ({
    body,
    signal: new AbortController().signal,
    log: pino({ level: 'silent' }),
  }) as unknown as Received<T>

/** Counts as begun as soon as the target's record is asked for. */
class Begun extends Error {}
const targets = {
  get: () => {
    throw new Begun()
  },
}
const begins = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    (error: unknown) => {
      if (error instanceof Begun) return true
      assert.ok(error instanceof Permanent, String(error))
      assert.equal(error.failure.code, 'entry-unknown')
      return false
    },
  )

const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('dune', 'nova', 'production', 'dune_production', 'nova_production'),
  fc.constantFrom(
    'node1.lab.example',
    'node2.lab.example',
    '__proto__',
    'constructor',
    '../..',
    '-oProxyCommand=x',
  ),
)
const about = fc.record({ entry: name, service: name, experiment: name, role: name, node: name })
/** One or two of them are another's: what a careful forger would try. */
const nearly = fc.subarray(['entry', 'service', 'experiment', 'role', 'node'] as const).chain((changed) =>
  about.map((all) => ({
    ...{ entry: 'dune_production', service: 'dune_production', experiment: 'dune', role: 'production' },
    node: 'node1.lab.example',
    ...Object.fromEntries(changed.map((what) => [what, all[what]])),
  })),
)
const isDune = (one: { entry: string; service: string; experiment: string; role: string }) =>
  one.experiment === one.entry.split('_')[0] &&
  one.role === 'production' &&
  one.service === one.entry &&
  ['dune_production', 'nova_production'].includes(one.entry)

describe('an item of somebody else’s making', () => {
  it('is pushed to a node of its entry, or refused before anything is touched', async () => {
    const deps = { site: () => site, targets, revoked: noneRevoked } as unknown as PushDeps
    await fc.assert(
      fc.asyncProperty(fc.oneof(about, nearly), async ({ node, ...one }) => {
        const item = pushItem.parse({ ...readyOf(), ...one, node })
        const nodes = site.entries.find((entry) => entry.name === one.entry)?.nodes ?? []
        assert.equal(await begins(handlePush(receivedOf(item), deps)), isDune(one) && nodes.includes(node))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is refreshed as its entry, or refused before anything is touched', async () => {
    const deps = { site: () => site, targets, revoked: noneRevoked } as unknown as RefreshDeps
    await fc.assert(
      fc.asyncProperty(fc.oneof(about, nearly), async (one) => {
        assert.equal(await begins(handleRefresh(receivedOf({ ...readyOf(), ...one }), deps)), isDune(one))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a fact of somebody else’s making', () => {
  it('makes pushes to the nodes of its entry alone, or none', async () => {
    const deps = { site: () => site, targets: fakeKv().kv, revoked: noneRevoked }
    await fc.assert(
      fc.asyncProperty(fc.oneof(about, nearly), async (one) => {
        const made = await planPushes(receivedOf(readyOf(one)), deps).catch((error: unknown) => {
          assert.ok(error instanceof Permanent)
          return []
        })
        const nodes = site.entries.find((entry) => entry.name === one.entry)?.nodes ?? []
        assert.equal(made.length, isDune(one) ? nodes.length : 0)
        for (const { subject } of made)
          assert.match(subject, /^push\.(dune|nova)\.production\.node[12]_lab_example$/)
      }),
      { numRuns: 1_000 },
    )
  })

  it('of a stored token makes none out of another entry’s or another run’s', async () => {
    const stored = siteOf('distributor: {pushAfter: stored}')
    const deps = { site: () => stored, targets: fakeKv().kv, revoked: noneRevoked }
    const plan = (ready: Partial<TokenReady>) =>
      planStored(receivedOf(tokenStored.parse({ ...readyOf(), credd: 'c1', ready: readyOf(ready) })), deps)
    assert.equal((await plan({})).length, 2)
    const nova = { entry: 'nova_production', service: 'nova_production', experiment: 'nova' }
    for (const ready of [nova, { run: runIds[1] }]) await assert.rejects(plan(ready), Permanent)
  })

  it('is read on a subject of ours, about what that says, or is a dead letter with a reason', () => {
    const kinds = ['token.ready', 'token.pushed', 'run.started', 'run.constructor', 'token.__proto__', 'x.y']
    const subject = fc
      .tuple(fc.constantFrom(...kinds), fc.constantFrom('dune', 'nova'), fc.constantFrom('production', '*'))
      .map((parts) => parts.join('.'))
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
      fc.anything().map((value) => Buffer.from(JSON.stringify({ ...readyOf(), ...(value as object) }) ?? '')),
    )
    fc.assert(
      fc.property(subject, bytes, (on, data) => {
        const parsed = parseMessage(schemaOfFact(on), data)
        if ('reason' in parsed) assert.ok(parsed.reason.length > 0)
        else assert.equal(on, 'token.ready.dune.production')
      }),
      { numRuns: 2_000 },
    )
    assert.ok(schemaOfFact('token.ready.dune.production')?.safeParse(readyOf()).success)
  })

  it('of a run of the year 9999, or in small letters, is no fact', () => {
    for (const run of ['7ZZZZZZZZZZZZZZZZZZZZZZZZZ', runIds[0].toLowerCase()])
      assert.equal(tokenReady.safeParse(readyOf({ run })).success, false)
  })
})
