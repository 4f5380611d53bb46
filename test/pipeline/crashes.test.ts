/** Each daemon and the server killed in the middle of a run, at a moment the test chooses: the run ends whole, nothing is done twice. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { type Daemon, daemons } from '../../shared/subjects.ts'
import { findLeaks } from '../support/canary.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { isGone } from '../support/processes.ts'
import {
  assertNoMisuse,
  assertNothingLeft,
  countWork,
  emptyEnds,
  findMisplaced,
  type Mark,
  markNow,
} from '../support/site-ends.ts'
import { readMails, readPosts } from '../support/told.ts'

const node1 = 'dunegpvm01.sandbox.test'
const node2 = 'sharedgpvm01.sandbox.test'
const dune = 'dune_production'
const mu2e = 'mu2e_production'
const nova = 'nova_analysis'

/** A whole run of dune_production: one token, one credd, two nodes. */
const duneOnce = {
  'refresh dune_production': 1,
  'store dune_production credd1': 1,
  'push dunegpvm01 dunepro': 1,
  'push sharedgpvm01 dunepro': 1,
}

describe('a run survives', { timeout: 170_000 }, () => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>
  let pipe: Pipeline
  let mark: Mark
  const stop = new AsyncDisposableStack()
  const held = new Set<string>()

  before(async () => {
    directory = await makeDirectory()
    // Without the second entry of dune, every storer, login and refresh is known by its service.
    const entries = defaultEntries.filter((entry) => entryName(entry) !== 'dune-2_production')
    pipe = await startPipeline({ dir: directory.path, entries, holdSsh: true })
    stop.use(pipe)
  })

  beforeEach(() => {
    emptyEnds(pipe.site)
    mark = markNow(pipe.site)
  })

  afterEach(() => letGo(...held))

  after(async () => {
    await stop.disposeAsync()
    await directory[Symbol.asyncDispose]()
  })

  function stopAt(...names: string[]): void {
    for (const name of names) {
      hold(directory.path, name)
      held.add(name)
    }
  }

  function letGo(...names: string[]): void {
    for (const name of names) {
      release(directory.path, name)
      held.delete(name)
    }
  }

  const isHeld = (name: string) => waitHeld(directory.path, name, 30_000)

  /** The run is over, all its tokens are in place, and it was finished once. Returns what was done for it. */
  async function endOf(run: string, entries: readonly string[]): Promise<Record<string, number>> {
    const { totals, entries: rows } = await pipe.finish(run)
    const why = JSON.stringify(
      rows.flatMap(({ refresh, targets }) => [refresh, ...targets]).filter(({ state }) => state !== 'done'),
    )
    assert.deepEqual([totals.failed, totals.superseded, totals.unfinished], [0, 0, 0], why)
    assert.deepEqual(await findMisplaced(pipe.site, entries), [])
    await assertToldOnce(run)
    assertNoMisuse(pipe.site)
    return countWork(pipe.site, mark)
  }

  /** Each fact of a run is in the stream once, the end of the run too. */
  async function assertToldOnce(run: string): Promise<void> {
    const facts = await pipe.storedFacts(run)
    const told = facts.map(({ subject, body: { credd, node, target } }) =>
      [subject, credd ?? node ?? target].join(' '),
    )
    assert.deepEqual(
      told.filter((fact, index) => told.indexOf(fact) !== index),
      [],
      'facts told twice',
    )
    assert.ok(told.includes('run.finished '))
  }

  it('the refresher killed while htgettoken runs', async () => {
    stopAt(`htgettoken:${dune}`)
    const { run } = await pipe.startRun({ services: [dune] })
    const orphan = await isHeld(`htgettoken:${dune}`)
    await pipe.killAndAwait('refresher', 'SIGKILL')
    letGo(`htgettoken:${dune}`)
    const work = await endOf(run, [dune])
    assert.deepEqual(
      work,
      { ...duneOnce, 'refresh dune_production': 2 },
      'the killed one, and the one that made the token',
    )
    await isGone(orphan)
  })

  it('the storer killed before condor_vault_storer has stored', async () => {
    stopAt(`condor_vault_storer:${dune}`)
    const { run } = await pipe.startRun({ services: [dune, mu2e] })
    const orphan = await isHeld(`condor_vault_storer:${dune}`)
    await pipe.killAndAwait('storer', 'SIGKILL')
    letGo(`condor_vault_storer:${dune}`)
    const work = await endOf(run, [dune, mu2e])
    assert.deepEqual(work, {
      ...duneOnce,
      'store dune_production credd1': 2,
      'refresh mu2e_production': 1,
      'store mu2e_production credd1': 1,
      'store mu2e_production credd2': 1,
      'push mu2egpvm01 mu2epro': 1,
      'push sharedgpvm01 mu2epro': 1,
    })
    await isGone(orphan)
  })

  it('the storer killed after condor_vault_storer has stored', async () => {
    stopAt(`condor_vault_storer-done:${dune}`)
    const { run } = await pipe.startRun({ services: [dune] })
    await isHeld(`condor_vault_storer-done:${dune}`)
    assert.deepEqual(
      (await findMisplaced(pipe.site, [dune])).filter((one) => one.includes('credd')),
      [],
      'it is stored already',
    )
    await pipe.killAndAwait('storer', 'SIGKILL')
    letGo(`condor_vault_storer-done:${dune}`)
    assert.deepEqual(await endOf(run, [dune]), { ...duneOnce, 'store dune_production credd1': 2 })
  })

  it('the distributor killed while ssh runs', async () => {
    stopAt(`ssh:${node1}`, `ssh:${node2}`)
    const { run } = await pipe.startRun({ services: [dune] })
    const orphans = await Promise.all([isHeld(`ssh:${node1}`), isHeld(`ssh:${node2}`)])
    letGo(`ssh:${node2}`)
    await pipe.facts.until(
      'the other node has its token',
      ({ body }) => body.run === run && body.node === node2,
    )
    await pipe.killAndAwait('distributor', 'SIGKILL')
    await Promise.all(orphans.map((pid) => isGone(pid)))
    letGo(`ssh:${node1}`)
    assert.deepEqual(await endOf(run, [dune]), duneOnce)
  })

  it('the notifier killed between two facts of the run', async () => {
    writeFaults(directory.path, { 'needs-onboarding': [nova] })
    stopAt(`ssh:${node1}`)
    const { run } = await pipe.startRun({ services: [dune, nova] })
    await pipe.untilStatus(run, 'all but the held push has ended', ({ waiting }) => waiting === 1)
    await isHeld(`ssh:${node1}`)
    await pipe.killAndAwait('notifier', 'SIGKILL')
    letGo(`ssh:${node1}`)
    const { totals } = await pipe.finish(run)
    assert.deepEqual(totals, { done: 3, failed: 1, superseded: 0, unfinished: 0 })
    assert.deepEqual(await findMisplaced(pipe.site, [dune]), [])
    await assertToldOnce(run)
    await assertMailedOnce(['admin', 'nova-operators'], 1)
    writeFaults(directory.path, {})
  })

  it('nats-server killed while work is under way', async () => {
    writeFaults(directory.path, { 'needs-onboarding': [nova] })
    stopAt(`condor_vault_storer:${dune}`, `ssh:${node1}`)
    const { run } = await pipe.startRun()
    await Promise.all([isHeld(`condor_vault_storer:${dune}`), isHeld(`ssh:${node1}`)])
    await pipe.facts.until(
      'mu2e is refreshed and pushed',
      ({ body }) => body.run === run && body.entry === mu2e && body.node === node2,
    )
    await pipe.killAndAwait('nats-server', 'SIGKILL')
    letGo(`condor_vault_storer:${dune}`, `ssh:${node1}`)
    const { totals } = await pipe.finish(run)
    assert.deepEqual(totals, { done: 7, failed: 1, superseded: 0, unfinished: 0 })
    assert.deepEqual(await findMisplaced(pipe.site, [dune, mu2e]), [])
    assert.deepEqual(countWork(pipe.site, mark), {
      ...duneOnce,
      'refresh mu2e_production': 1,
      'refresh nova_analysis': 1,
      'store mu2e_production credd1': 1,
      'store mu2e_production credd2': 1,
      'push mu2egpvm01 mu2epro': 1,
      'push sharedgpvm01 mu2epro': 1,
    })
    await assertToldOnce(run)
    assertNoMisuse(pipe.site)
    await assertMailedOnce(['admin', 'nova-operators'], 2)
    writeFaults(directory.path, {})
  })

  it('every daemon told to stop while it works', async () => {
    stopAt(`htgettoken:${mu2e}`, `condor_vault_storer:${dune}`, `ssh:${node1}`)
    const { run } = await pipe.startRun({ services: [dune, mu2e] })
    await Promise.all([`htgettoken:${mu2e}`, `condor_vault_storer:${dune}`, `ssh:${node1}`].map(isHeld))
    const stopping = daemons.map((daemon) => died(daemon, pipe.supervisor.pids()[daemon]))
    for (const daemon of daemons) pipe.supervisor.kill(daemon, 'SIGTERM')
    assert.deepEqual(
      await Promise.all(stopping),
      daemons.map(() => 'ended with exit code 0'),
    )
    letGo(...held)
    const work = await endOf(run, [dune, mu2e])
    assert.deepEqual(
      (await pipe.storedFacts(run)).filter(({ subject }) => subject.startsWith('token.failed')),
      [],
    )
    assert.deepEqual(
      { ...work, 'refresh mu2e_production': 1, 'store dune_production credd1': 1 },
      {
        ...duneOnce,
        'refresh mu2e_production': 1,
        'store mu2e_production credd1': 1,
        'store mu2e_production credd2': 1,
        'push mu2egpvm01 mu2epro': 1,
        'push sharedgpvm01 mu2epro': 1,
      },
      'only what was broken off is done again',
    )
  })

  it('and leaves nothing behind', async () => {
    await stop.disposeAsync()
    assertNothingLeft(directory.path)
    assert.deepEqual(findLeaks(directory.path), [])
  })

  /** How this life of the daemon ended; fails when it takes longer than 10 s. */
  async function died(daemon: Daemon, pid: number | undefined): Promise<string> {
    const event = await pipe.life.until(
      `${daemon} has stopped`,
      (one) => one.type === 'died' && one.name === daemon && one.pid === pid,
      10_000,
    )
    return event.type === 'died' ? event.how : ''
  }

  /** Every mail and post so far, `runs` of them to each, and no addressee twice for one run. */
  async function assertMailedOnce(addressees: readonly string[], runs: number): Promise<void> {
    const mails = (await readMails(directory.path)).map(({ to }) => to)
    const wanted = addressees.flatMap((name) => Array<string>(runs).fill(`${name}@sandbox.test`))
    assert.deepEqual(mails, wanted.sort())
    assert.equal(readPosts(directory.path).length, runs)
  }
})
