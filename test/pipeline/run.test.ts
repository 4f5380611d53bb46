/** One run over the default site, from nothing to every token in its place, and a second one that finds its tokens still good. */
import assert from 'node:assert/strict'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunStatus } from '../../services/notifier/status-request.ts'
import type { RunAnswer } from '../../services/refresher/run-request.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { assertNoMisuse, assertNothingLeft, countWork, findMisplaced, markNow } from '../support/site-ends.ts'

const everything = {
  'refresh dune_production': 2,
  'refresh mu2e_production': 1,
  'refresh nova_analysis': 1,
  'store dune_production credd1': 1,
  'store dune_production credd2': 1,
  'store mu2e_production credd1': 1,
  'store mu2e_production credd2': 1,
  'push dunegpvm01 dunepro': 1,
  'push mu2egpvm01 dunepro': 1,
  'push mu2egpvm01 mu2epro': 1,
  'push sharedgpvm01 dunepro': 1,
  'push sharedgpvm01 mu2epro': 1,
  'push sharedgpvm01 novaana': 1,
}

describe('a run over the whole site', { timeout: 120_000 }, () => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>
  let pipe: Pipeline
  let answer: RunAnswer
  let first: RunStatus
  let work: Record<string, number>
  const stop = new AsyncDisposableStack()

  before(async () => {
    directory = await makeDirectory()
    pipe = await startPipeline({ dir: directory.path })
    stop.use(pipe)
    const mark = markNow(pipe.site)
    answer = await pipe.startRun()
    first = await pipe.finish(answer.run)
    work = countWork(pipe.site, mark)
  })

  after(async () => {
    await stop.disposeAsync()
    await directory[Symbol.asyncDispose]()
  })

  it('ends with all of it done', () => {
    assert.deepEqual(answer.entries, ['dune_production', 'dune-2_production', 'mu2e_production', 'nova_analysis'])
    assert.deepEqual(first.totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
    assert.equal(first.waiting, 0)
    assert.ok(Date.parse(first.finished ?? '') >= Date.parse(first.started))
  })

  it('leaves every token where an experimenter’s tools look for it', async () => {
    assert.deepEqual(await findMisplaced(pipe.site), [])
    assertNoMisuse(pipe.site)
  })

  it('does everything once', () => assert.deepEqual(work, everything))

  it('writes the files of a node with exact names, owner, mode and content', () => {
    const tmp = join(directory.path, 'nodes', 'sharedgpvm01.sandbox.test', 'tmp')
    assert.deepEqual(readdirSync(tmp).sort(), [
      'jobsub_default_role_dune_50762',
      'jobsub_default_role_mu2e_44592',
      'jobsub_default_role_nova_46301',
      'vt_u44592',
      'vt_u44592-mu2e_production',
      'vt_u46301',
      'vt_u46301-nova_analysis',
      'vt_u50762',
      'vt_u50762-dune_production',
    ])
    for (const name of ['vt_u46301', 'vt_u46301-nova_analysis']) {
      const stat = lstatSync(join(tmp, name))
      assert.deepEqual(
        [stat.isFile(), stat.mode & 0o7777, stat.uid, stat.nlink],
        [true, 0o400, 46301, 1],
        `${name}: a plain file, 0400, the account’s, one link`,
      )
      const text = readFileSync(join(tmp, name), 'latin1')
      assert.match(text, /^hvs\.[\w-]{20,}\n$/, 'one line, the token, with its newline')
      assert.ok(issuedTo('nova_analysis', 'vault').includes(text.trim()), 'a token that Vault gave out for nova')
    }
    const role = join(tmp, 'jobsub_default_role_nova_46301')
    assert.equal(readFileSync(role, 'utf8'), 'analysis\n')
    assert.equal(lstatSync(role).uid, 46301)
  })

  it('names the real experiment on nodes of an entry with an override', () => {
    const tmp = join(directory.path, 'nodes', 'mu2egpvm01.sandbox.test', 'tmp')
    assert.deepEqual(readdirSync(tmp).filter((name) => name.includes('dune') || name.includes('50762')).sort(), [
      'jobsub_default_role_dune_50762',
      'vt_u50762',
      'vt_u50762-dune_production',
    ])
  })

  it('leaves a vault token and its address in a credd', () => {
    const file = join(directory.path, 'credds', 'credd2.sandbox.test', 'dunepro', 'dune_production.top')
    const top = JSON.parse(readFileSync(file, 'utf8'))
    assert.deepEqual(Object.keys(top).sort(), ['vault_token', 'vault_url'])
    assert.ok(issuedTo('dune_production', 'vault').includes(top.vault_token))
    assert.equal(
      top.vault_url,
      `https://localhost:${pipe.site.addresses.vaultPort}/v1/secret/oauth/creds/dune/dunepro/managedtokens/sandbox.test:production`,
    )
  })

  function issuedTo(service: string, kind: string): string[] {
    const lines = readFileSync(join(directory.path, 'vault', 'tokens.jsonl'), 'utf8').trim().split('\n')
    const issued = lines.map((line) => JSON.parse(line) as { token: string; kind: string; service: string })
    return issued.filter((one) => one.service === service && one.kind === kind).map(({ token }) => token)
  }
})
