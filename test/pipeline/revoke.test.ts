/** A leaked token at a whole site: revoked everywhere, the others untouched, left alone by runs, and restored. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ask, connectAs } from '../../cli/bus/connection.ts'
import { creddFile, nodeTmp } from '../../sandbox/layout.ts'
import { requests } from '../../shared/contracts/subjects.ts'
import { eventually } from '../support/latch.ts'
import { openInBrowser } from '../support/open-in-browser.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { type, typeOnTerminal } from '../support/terminal.ts'
import { readMails } from '../support/told.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const dune = 'dune_production'
const nodes = ['dunegpvm01', 'mu2egpvm01', 'sharedgpvm01'].map((name) => `${name}.sandbox.test`)
const credds = ['credd1.sandbox.test', 'credd2.sandbox.test']

describe('a leaked token', { timeout: 400_000 }, () => {
  const at = usePipeline()
  const typed = (...words: string[]) =>
    type([...words, '--state', at.pipe.site.layout.state, '--nats', at.pipe.supervisor.url])
  const filesOfDune = () =>
    nodes.flatMap((node) =>
      readdirSync(nodeTmp(at.pipe.site.layout, node)).filter((name) => /50762|dune/.test(name)),
    )
  const topsOfDune = () =>
    credds.filter((credd) => existsSync(creddFile(at.pipe.site.layout, credd, 'dunepro', dune)))
  const books = () =>
    readFileSync(join(at.dir, 'vault', 'books', 'books.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { did: string; token?: string; path?: string })

  it('is taken away from everywhere by one command, and nothing else with it', async () => {
    const { run } = await at.pipe.startRun()
    await at.pipe.finish(run)
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
    assert.ok(filesOfDune().length > 0)
    const kept = () =>
      readdirSync(at.pipe.site.layout.state, { recursive: true, encoding: 'utf8' })
        .filter((name) => /(dune.*vault-token|vt_u\d+-.*-dune_production)$/.test(name))
        .map((name) => readFileSync(join(at.pipe.site.layout.state, name), 'utf8').trim())
    const before = kept()
    assert.ok(before.length >= 4, 'two entries of the refresher, two credds of the storer')
    const { exit, stdout, stderr } = await typed(
      'revoke',
      dune,
      '--reason',
      'it was in a public log',
      '--yes',
    )
    assert.equal(exit, 0, stdout + stderr)
    assert.deepEqual([filesOfDune(), topsOfDune()], [[], []])
    assert.match(stdout, /Nothing of dune_production is left/)
    assert.match(stdout, /bao lease revoke -prefix auth\/kerberos-dune_production\/login/)
    const others = ['mu2e_production', 'nova_analysis']
    assert.deepEqual(await findMisplaced(at.pipe.site, others), [])
    const did = books()
    assert.ok(did.some((line) => line.did === 'drop' && line.path?.startsWith('dune/')))
    assert.deepEqual(kept(), [])
    const revoked = did.filter((line) => line.did === 'revoke').map(({ token }) => token)
    assert.deepEqual(
      before.filter((token) => !revoked.includes(token)),
      [],
      'vault tokens that were kept and are good still',
    )
  })

  it('is told to administrators at the beginning and the end, and to the experiment once', async () => {
    const told = async () =>
      (await readMails(at.dir))
        .filter(({ subject }) => subject.includes(dune))
        .map(({ to, subject }) => `${to}: ${subject}`)
        .sort()
    const wanted = [
      'admin@sandbox.test: managed-tokens: dune_production is gone from everywhere',
      'admin@sandbox.test: managed-tokens: dune_production revoked',
      'dune-2-operators@sandbox.test: managed-tokens: dune_production revoked',
      'dune-operators@sandbox.test: managed-tokens: dune_production revoked',
    ]
    await eventually(async () => (await told()).length >= wanted.length, 'the mails were delivered')
    assert.deepEqual(await told(), wanted)
  })

  it('is left alone by the next run, which says why', async () => {
    const { exit, stdout } = await typed('run')
    assert.equal(exit, 0)
    assert.match(stdout, /dune_production is left alone: dune_production has been revoked since .*public log/)
    const alone = await typed('run', '-s', dune)
    assert.equal(alone.exit, 1)
    assert.match(alone.stderr, /has been revoked since/)
    assert.deepEqual(filesOfDune(), [])
  })

  it('is for the responder alone: an operator’s key is refused by the bus, which says so in its log', async () => {
    for (const subject of [requests.revoke, requests.restore])
      await assert.rejects(ask(at.pipe.bus, subject, { services: [dune], reason: 'x' }), /permissions/i)
    const log = readFileSync(join(at.pipe.site.layout.logs, 'nats-server.log'), 'utf8')
    for (const subject of [requests.revoke, requests.restore])
      assert.match(log, new RegExp(`Publish Violation.*Subject "${subject}"`))
    await using bus = await connectAs('responder', {
      state: at.pipe.site.layout.state,
      nats: at.pipe.supervisor.url,
    })
    const plan = await ask<{ entries: string[] }>(bus, requests.revoke, {
      ...{ services: ['mu2e_production'], reason: 'x', dryRun: true },
    })
    assert.deepEqual(plan.entries, ['mu2e_production'])
  })

  it('comes back with a restore and one login', async () => {
    const { exit, stdout } = await typed('restore', dune)
    assert.equal(exit, 0, stdout)
    assert.match(stdout, /managed-tokens onboard dune_production/)
    assert.match(stdout, /Warning: vault tokens that credds had before are good until/)
    let seen = ''
    const ended = await typeOnTerminal(
      ['onboard', dune, '-c', at.pipe.site.config, '--state', at.pipe.site.layout.state, '--allow-root'],
      {
        env: at.pipe.site.env,
        async see(shown) {
          const url = /https:\/\/\S+\/device\?user_code=\S+(?=\s)/.exec(shown)?.[0]
          if (!url || url === seen) return
          seen = url
          await openInBrowser(url, at.pipe.site.layout.vaultCa)
        },
      },
    )
    assert.equal(ended.exit, 0, ended.stdout)
    const { run, entries } = await at.pipe.startRun()
    assert.equal(entries.length, 4)
    await at.pipe.finish(run)
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
  })

  it('is told afterwards: who asked for what, each token, and where one was put', async () => {
    const runs = await typed('runs')
    assert.equal(runs.exit, 0, runs.stderr)
    assert.match(runs.stdout, /revocation\s+\(it was in a public log\)/)
    assert.match(runs.stdout, /\(responder\)/)
    const told = await typed('history', dune, '--node', nodes[0] ?? '', '--json')
    const { tokens } = JSON.parse(told.stdout) as {
      tokens: {
        removes: boolean
        made: { tokenId?: string }
        places: { tokenId?: string; outcome?: string }[]
      }[]
    }
    assert.deepEqual(
      tokens.map(({ removes, places }) => (removes ? places[0]?.outcome : places[0]?.tokenId !== undefined)),
      [true, 'removed', true],
    )
    const tokenId = tokens[0]?.places[0]?.tokenId ?? ''
    assert.equal(tokens[0]?.made.tokenId, tokenId)
    const where = await typed('where', tokenId)
    assert.match(where.stdout, new RegExp(`${tokenId} is a token of dune_production, made .* good until`))
    assert.match(where.stdout, /node dunegpvm01\.sandbox\.test: put there/)
    assert.match(where.stdout, /credd credd1\.sandbox\.test: stored: a vault token of its own/)
    const strange = await typed('where', 'no-such-token')
    assert.equal(strange.exit, 1)
    assert.match(strange.stderr, /knows no token no-such-token/)
  })
})
