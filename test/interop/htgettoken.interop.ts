/** The refresher with the real htgettoken: tokens are made, reused, and its failures told apart. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import type { SiteOptions } from '../../sandbox/site.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { realHtgettoken } from './support/real-programs.ts'

const stack = new AsyncDisposableStack()
let dir: string
let pipeline: Pipeline

before(async () => {
  dir = stack.use(await makeDirectory()).path
  const settings = {
    ...patience,
    refresher: { htgettoken: realHtgettoken() },
  } satisfies SiteOptions['settings']
  pipeline = stack.use(await startPipeline({ dir, settings }))
})
after(() => stack.disposeAsync())

async function reasons(): Promise<Record<string, string | undefined>> {
  const { run } = await pipeline.startRun({})
  const { entries } = await pipeline.finish(run, 300_000)
  return Object.fromEntries(entries.map(({ entry, refresh }) => [entry, refresh.code ?? refresh.state]))
}

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

test('every token is made and put where it belongs', async () => {
  writeFaults(dir, {})
  assert.deepEqual(await reasons(), all('done'))
  assert.deepEqual(
    (await verifySite({ dir })).filter(({ problems }) => problems.length > 0),
    [],
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
