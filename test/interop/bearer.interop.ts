/** Bearer tokens that the real htgettoken made, as the tools that guard storage and computing see them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import type { SiteOptions } from '../../sandbox/site.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { installPackages, realHtgettoken } from './support/real-programs.ts'
import { claimsOf, runScitokens } from './support/scitokens.ts'

const audience = 'https://dcache.sandbox.test'
const asked = { scopes: ['storage.read:/nova', 'compute.read'], audience: [audience] }
const entries = defaultEntries
  .filter((entry) => entryName(entry) === 'nova_analysis')
  .map((entry) => ({ ...entry, deliver: [{ bearer: asked }] }))

describe('a bearer token delivered with reduced scopes', { timeout: 2 * 3_600_000 }, () => {
  const stack = new AsyncDisposableStack()
  let dir: string
  let pipe: Pipeline
  let bearer: string
  let issuer: string

  before(async () => {
    installPackages(['scitokens-cpp'])
    dir = stack.use(await makeDirectory()).path
    const settings = {
      ...patience,
      refresher: { htgettoken: realHtgettoken() },
    } satisfies SiteOptions['settings']
    pipe = stack.use(await startPipeline({ dir, entries, settings }))
    const { run } = await pipe.startRun({})
    const { totals } = await pipe.finish(run, 300_000)
    assert.equal(totals.failed, 0)
    const [node = ''] = entries[0]?.nodes ?? []
    bearer = readFileSync(join(nodeTmp(pipe.site.layout, node), 'bt_u46301'), 'utf8').trim()
    issuer = claimsOf(bearer).iss as string
  })
  after(() => stack.disposeAsync())

  const scitokens = (tool: string, ...words: string[]) =>
    runScitokens({ dir, ca: pipe.site.layout.vaultCa }, tool, ...words)
  const mayUse = (operation: string, path: string, at = audience) =>
    scitokens('scitokens-test-access', bearer, issuer, at, operation, path)

  it('lies where WLCG’s discovery finds it, and no vault token beside it', async () => {
    assert.deepEqual(
      (await verifySite({ dir })).filter(({ problems }) => problems.length > 0),
      [],
    )
  })

  it('is accepted by scitokens-verify, by the keys that its issuer publishes', async () => {
    const said = await scitokens('scitokens-verify', '--profile', 'wlcg', bearer)
    assert.equal(said, 'Token deserialization successful. (exit 0)')
  })

  it('carries what was asked for and no more', async () => {
    assert.equal(claimsOf(bearer).scope, asked.scopes.join(' '))
    assert.deepEqual(claimsOf(bearer).aud, asked.audience)
    assert.match(await mayUse('read', '/nova/data'), /Access test successful.*exit 0/)
    for (const [operation, path] of [
      ['read', '/dune/data'],
      ['read', '/'],
      ['create', '/nova/data'],
      ['modify', '/nova/data'],
    ] as const)
      assert.match(await mayUse(operation, path), /Access test failed.*exit 1/, `${operation} ${path}`)
    assert.match(await mayUse('read', '/nova/data', 'https://elsewhere.sandbox.test'), /Access test failed/)
  })

  it('is refused when anything in it was changed', async () => {
    const [head = '', payload = '', signature = ''] = bearer.split('.')
    const more = { ...claimsOf(bearer), scope: 'storage.modify:/' }
    const encoded = Buffer.from(JSON.stringify(more)).toString('base64url')
    const turned = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    for (const tampered of [
      [head, encoded, signature],
      [head, payload, turned],
    ])
      assert.match(
        await scitokens('scitokens-verify', tampered.join('.')),
        /^Failed to deserialize a token: .*(?:signature|verify).* \(exit 1\)$/i,
      )
  })
})
