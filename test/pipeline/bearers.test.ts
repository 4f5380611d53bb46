/** Bearer tokens on nodes, besides the vault token and instead of it, through the whole pipe. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName, type SiteEntry } from '../../sandbox/entry.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import { verifySite } from '../../sandbox/verify.ts'
import { readOpening } from '../../shared/daemon/sealing-keys.ts'
import { unseal } from '../../shared/tokens/seal.ts'
import { findLeaks, scanFiles, tokensOf } from '../support/canary.ts'
import { dumpStreams } from '../support/dump-streams.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const besides = {
  bearer: { scopes: ['storage.read:/mu2e', 'compute.read'], audience: ['https://dcache.example'] },
} as const
const stash = { bearer: { scopes: ['storage.create:/stash'], purpose: 'stash' } } as const
/** One for each of two CEs, where a consumer looks for it. */
const perDoor = {
  bearer: {
    ...{ scopes: ['compute.create'], audiences: ['ce01.example:9619', 'ce02.example:9619'], each: true },
    path: '/tmp/pilot-{{.AudienceHost}}.jwt',
  },
} as const
const deliver: Record<string, SiteEntry['deliver']> = {
  // Without nodes.
  dune_production: ['vault', stash],
  mu2e_production: ['vault', besides],
  nova_analysis: [stash, perDoor],
}
const entries = defaultEntries
  .filter((entry) => entryName(entry) in deliver)
  .map((entry) => ({
    ...entry,
    deliver: deliver[entryName(entry)] ?? ['vault' as const],
    ...(entryName(entry) === 'dune_production' && { nodes: [] }),
  }))

describe('bearer tokens on nodes', { timeout: 400_000 }, () => {
  const at = usePipeline(() => ({ entries }))

  const node = 'sharedgpvm01.sandbox.test'
  const onNode = (name: string) =>
    readFileSync(`${nodeTmp(at.pipe.site.layout, node)}/${name}`, 'utf8').trim()
  const claimsOf = (bearer: string) =>
    JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
  const wrong = async () => (await verifySite({ dir: at.dir })).filter(({ problems }) => problems.length > 0)
  const run = async () => {
    const { run: id } = await at.pipe.startRun({})
    return { id, ...(await at.pipe.finish(id)) }
  }

  it('that the issuer refuses cost neither the vault token nor a credd; the nodes are told as failed', async () => {
    writeFaults(at.dir, { 'bearer-refused': ['dune_production', 'mu2e_production', 'nova_analysis'] })
    const { entries: rows, totals } = await run()
    const states = rows.map(({ entry, refresh, targets }) => [
      entry,
      refresh.code ?? refresh.state,
      ...targets.map(({ kind, state, code }) => `${kind} ${code ?? state}`),
    ])
    assert.equal(totals.failed, 4, 'three nodes, and the entry without any')
    assert.deepEqual(states.sort(), [
      ['dune_production', 'bearer-refused', 'credd done'],
      ['mu2e_production', 'done', 'node bearer-refused', 'node bearer-refused', 'credd done', 'credd done'],
      ['nova_analysis', 'done', 'node bearer-refused'],
    ])
    const lacking = (await wrong()).flatMap(({ problems }) => problems)
    assert.deepEqual(lacking.sort(), [
      ...['/tmp/bt_u44592 is not there', '/tmp/bt_u44592 is not there'],
      '/tmp/bt_u46301-stash is not there',
      ...['/tmp/pilot-ce01.example.jwt is not there', '/tmp/pilot-ce02.example.jwt is not there'],
    ])
    writeFaults(at.dir, {})
  })

  it('lie beside the vault token or alone, with the rights that were asked for and no more', async () => {
    const vault = onNode('vt_u44592')
    const { totals, id } = await run()
    assert.equal(totals.failed, 0)
    assert.deepEqual(
      await wrong(),
      [],
      'every token is where it belongs, and no vault token where it does not',
    )
    assert.equal(onNode('vt_u44592'), vault, 'the vault token is used again')
    const claims = claimsOf(onNode('bt_u44592'))
    assert.equal(claims.scope, 'storage.read:/mu2e compute.read')
    assert.deepEqual(claims.aud, ['https://dcache.example'])
    assert.equal(claimsOf(onNode('bt_u46301-stash')).scope, 'storage.create:/stash')
    for (const door of ['ce01', 'ce02'])
      assert.deepEqual(claimsOf(onNode(`pilot-${door}.example.jwt`)).aud, [`${door}.example:9619`])
    const ready = (await at.pipe.storedFacts(id)).filter(({ subject }) => subject.startsWith('token.ready.'))
    for (const { body } of ready) assert.ok(typeof body.renewAt === 'string')
  })

  it('are left in no daemon’s state, log or message; a vault token that nodes must not have is on none', async () => {
    // The server of a running site writes to its files while they are read.
    await at.pipe[Symbol.asyncDispose]()
    assert.deepEqual(await findLeaks(at.dir), [])
    const tokens = tokensOf(at.dir)
    const bearers = tokens.filter(({ name }) => name.startsWith('bearer'))
    assert.ok(bearers.length > 3)
    const { state, nodes } = at.pipe.site.layout
    assert.deepEqual(await scanFiles(join(state, 'refresher'), bearers), [])
    const kept = tokens.filter(({ name }) => /^vault token.*nova_analysis/.test(name))
    assert.ok((await scanFiles(join(state, 'refresher'), kept)).length > 0, 'the refresher keeps it')
    assert.deepEqual(await scanFiles(nodes, kept), [])
  })

  it('that are sealed without the vault token do not bring it to the distributor either', async () => {
    const { state } = at.pipe.site.layout
    const opening = await readOpening({ previousSeedFiles: [] }, state)
    const messages = await dumpStreams(state)
    const opened = messages
      .filter(({ stream, text }) => stream === 'KV_sealed' && text.includes('{'))
      .map(({ text }) => unseal(text.slice(text.indexOf('{')), opening))
    assert.ok(opened.length >= 6, 'three entries in two runs')
    for (const one of opened) {
      assert.ok('content' in one, 'the distributor can open it')
      const { content } = one
      assert.equal(content.token !== undefined, content.entry !== 'nova_analysis')
      assert.equal(content.bearers?.length, content.entry === 'nova_analysis' ? 3 : 1)
    }
  })
})
