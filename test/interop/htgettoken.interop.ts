/** The refresher with the real htgettoken: tokens are made, reused, and its failures told apart. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import type { SiteOptions } from '../../sandbox/site.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { realHtgettoken } from './support/real-programs.ts'

const stack = new AsyncDisposableStack()
let dir: string
let pipeline: Pipeline

/** The issuer's bearer tokens live an hour. */
const bearer = { bearer: { scopes: ['storage.read:/mu2e'], audience: ['https://dcache.example'] } }
const tooLong = { bearer: { scopes: ['compute.read'], minSeconds: 5_400, purpose: 'long' } }
const deliver = { mu2e_production: ['vault', bearer], nova_analysis: ['vault', tooLong] } as const
const entries = defaultEntries.map((entry) => ({
  ...entry,
  deliver: deliver[entryName(entry) as keyof typeof deliver] ?? (['vault'] as const),
}))

before(async () => {
  dir = stack.use(await makeDirectory()).path
  const settings = {
    ...patience,
    refresher: { htgettoken: realHtgettoken() },
  } satisfies SiteOptions['settings']
  pipeline = stack.use(await startPipeline({ dir, entries, settings }))
})
after(() => stack.disposeAsync())

async function rows() {
  const { run } = await pipeline.startRun({})
  return (await pipeline.finish(run, 300_000)).entries
}
const reasons = async (): Promise<Record<string, string | undefined>> =>
  Object.fromEntries((await rows()).map(({ entry, refresh }) => [entry, refresh.code ?? refresh.state]))

const all = (state: string) => ({
  dune_production: state,
  'dune-2_production': state,
  mu2e_production: state,
  nova_analysis: state,
})

// These come first, while no token is kept: later it would still be good.
test('nobody has logged in, and a missing right, are told apart', async () => {
  writeFaults(dir, { 'needs-onboarding': ['nova_analysis'], 'permission-denied': ['mu2e_production'] })
  const told = await reasons()
  assert.equal(told.nova_analysis, 'authentication-needed')
  assert.equal(told.mu2e_production, 'permission-denied')
  assert.equal(told.dune_production, 'done')
})

test('an outage and a bad certificate are told apart, and neither asks anybody to log in', async () => {
  writeFaults(dir, { 'vault-down': true })
  assert.equal((await reasons()).nova_analysis, 'vault-unreachable')
  writeFaults(dir, { 'vault-tls': true })
  assert.equal((await reasons()).nova_analysis, 'vault-tls')
})

test('what is wrong at the issuer, and a ticket that Vault refuses, are told apart', async () => {
  const issuers = {
    'issuer-down': 'issuer-unreachable',
    'issuer-unknown': 'issuer-unreachable',
    'issuer-refuses-vault': 'issuer-misconfigured',
    'login-revoked': 'authentication-needed',
    'ticket-refused': 'vault-login-refused',
  } as const
  for (const [fault, code] of Object.entries(issuers)) {
    writeFaults(dir, { [fault]: ['nova_analysis'] })
    assert.equal((await reasons()).nova_analysis, code, fault)
  }
})

test('every token is made and put where it belongs, but one that the issuer does not let live so long', async () => {
  writeFaults(dir, {})
  const told = await rows()
  assert.deepEqual(
    told.flatMap(({ entry, targets }) => targets.flatMap(({ code }) => (code ? [`${entry} ${code}`] : []))),
    ['nova_analysis bearer-life-refused'],
  )
  assert.deepEqual(
    (await verifySite({ dir })).flatMap(({ problems }) => problems),
    ['/tmp/bt_u46301-long is not there'],
  )
})

test('a token that is still good is used again', async () => {
  const { run } = await pipeline.startRun({})
  await pipeline.finish(run, 300_000)
  const facts = await pipeline.storedFacts(run)
  const ready = facts.filter(({ subject }) => subject.startsWith('token.ready.'))
  assert.deepEqual(
    ready.map(({ body }) => body.reused),
    [true, true, true, true],
  )
})

test('an audience that the issuer refuses costs nothing else', async () => {
  writeFaults(dir, { 'bearer-refused': ['mu2e_production'] })
  const mu2e = (await rows()).find(({ entry }) => entry === 'mu2e_production')
  assert.equal(mu2e?.refresh.state, 'done')
  const codes = mu2e?.targets.map(({ kind, code, state }) => `${kind} ${code ?? state}`)
  assert.deepEqual(new Set(codes), new Set(['node bearer-refused', 'credd done']))
})

test('a kept token that Vault refuses hides nothing', async () => {
  writeFaults(dir, { 'vault-tokens-revoked': ['nova_analysis'], 'needs-onboarding': ['nova_analysis'] })
  assert.equal((await reasons()).nova_analysis, 'authentication-needed')
})

test('ticket files that are gone and a Vault with new keys cost a kinit and nothing else', async () => {
  writeFaults(dir, { 'vault-tokens-revoked': Object.keys(all('')) })
  await pipeline.site.rekey('vault')
  assert.deepEqual(await reasons(), all('done'))
  const tickets = join(pipeline.site.layout.state, 'refresher', 'tickets')
  for (const name of readdirSync(tickets)) rmSync(join(tickets, name))
  writeFaults(dir, {})
  rmSync(join(pipeline.site.layout.state, 'refresher', 'tokens'), { recursive: true })
  assert.deepEqual(await reasons(), all('done'))
})
