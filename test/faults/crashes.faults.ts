/** Each daemon and the server killed in the middle of a run, at a moment the test chooses: the run ends whole, nothing is done twice. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { daemons } from '../../shared/contracts/subjects.ts'
import { readMailsAbout } from '../support/admin-mails.ts'
import { connectAlmighty } from '../support/almighty.ts'
import { useHeldSite } from '../support/held-site.ts'
import { dune, duneOnce, mu2e, mu2eOnce, node1, node2, nova, plainEntries } from '../support/held-work.ts'
import { eventually } from '../support/latch.ts'
import { isGone } from '../support/processes.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { readMails, readPosts } from '../support/told.ts'

// Most of the time everybody waits until the server takes back what a dead daemon had: two sites at once.
describe('a run survives', { concurrency: 2, timeout: 400_000 }, () => {
  describe('the refresher’s and the notifier’s end', { concurrency: 1 }, () => {
    const at = useHeldSite({ entries: plainEntries, holdSsh: true })

    it('the refresher killed while htgettoken runs', async () => {
      at.stopAt(`htgettoken:${dune}`)
      const { run } = await at.pipe.startRun({ services: [dune] })
      const orphan = await at.isHeld(`htgettoken:${dune}`)
      await at.pipe.killAndAwait('refresher', 'SIGKILL')
      at.letAllGo()
      const work = await at.endOf(run, [dune])
      assert.deepEqual(
        work,
        { ...duneOnce, 'refresh dune_production': 2 },
        'the killed one and the one that worked',
      )
      await isGone(orphan)
    })

    it('the notifier killed between two facts of the run', async () => {
      writeFaults(at.dir, { 'needs-onboarding': [nova] })
      at.stopAt(`ssh:${node1}`)
      const { run } = await at.pipe.startRun({ services: [dune, nova] })
      await at.pipe.untilStatus(run, 'all but the held push has ended', ({ waiting }) => waiting === 1)
      await at.isHeld(`ssh:${node1}`)
      await at.pipe.killAndAwait('notifier', 'SIGKILL')
      at.letAllGo()
      const { totals } = await at.pipe.finish(run)
      assert.deepEqual(totals, { done: 3, failed: 1, superseded: 0, unfinished: 0 })
      assert.deepEqual(await findMisplaced(at.pipe.site, [dune]), [])
      assert.deepEqual(at.work(), { ...duneOnce, 'refresh nova_analysis': 1 })
      await at.assertToldOnce(run)
      await assertToldPeopleOnce(at.dir)
    })
  })

  describe('the storer’s end', { concurrency: 1 }, () => {
    const at = useHeldSite({ entries: plainEntries, holdSsh: true })

    it('the storer killed before condor_vault_storer has stored', async () => {
      at.stopAt(`condor_vault_storer:${dune}`)
      const { run } = await at.pipe.startRun({ services: [dune] })
      const orphan = await at.isHeld(`condor_vault_storer:${dune}`)
      // The other entry waits behind it: begun before it, it might be stored and not yet verified.
      const behind = await at.pipe.startRun({ services: [mu2e] })
      await at.pipe.facts.until(
        'the other entry has its token',
        ({ subject, body }) => body.run === behind.run && subject.startsWith('token.ready.'),
      )
      await at.pipe.killAndAwait('storer', 'SIGKILL')
      at.letAllGo()
      await at.endOf(behind.run, [mu2e])
      const work = await at.endOf(run, [dune])
      assert.deepEqual(work, { ...duneOnce, ...mu2eOnce, 'store dune_production credd1': 2 })
      await isGone(orphan)
    })

    it('the storer killed after condor_vault_storer has stored', async () => {
      at.stopAt(`condor_vault_storer-done:${dune}`)
      const { run } = await at.pipe.startRun({ services: [dune] })
      await at.isHeld(`condor_vault_storer-done:${dune}`)
      const missing = await findMisplaced(at.pipe.site, [dune])
      assert.ok(!missing.includes('dune_production credd credd1'), 'it is stored already')
      await at.pipe.killAndAwait('storer', 'SIGKILL')
      at.letAllGo()
      assert.deepEqual(await at.endOf(run, [dune]), { ...duneOnce, 'store dune_production credd1': 2 })
    })
  })

  describe('the server’s and the distributor’s end, and a stop of all', { concurrency: 1 }, () => {
    const at = useHeldSite({ entries: plainEntries, holdSsh: true })

    it('nats-server killed while work is under way', async () => {
      writeFaults(at.dir, { 'needs-onboarding': [nova] })
      at.stopAt(`condor_vault_storer:${dune}`, `ssh:${node1}`)
      const { run } = await at.pipe.startRun()
      await Promise.all([at.isHeld(`condor_vault_storer:${dune}`), at.isHeld(`ssh:${node1}`)])
      const isPushed = (entry: string) =>
        at.pipe.facts.until(
          `${entry} is pushed`,
          ({ body }) => body.run === run && body.entry === entry && body.node === node2,
        )
      await Promise.all([isPushed(dune), isPushed(mu2e)])
      await at.pipe.killAndAwait('nats-server', 'SIGKILL')
      at.letAllGo()
      const { totals } = await at.pipe.finish(run)
      assert.deepEqual(totals, { done: 7, failed: 1, superseded: 0, unfinished: 0 })
      assert.deepEqual(await findMisplaced(at.pipe.site, [dune, mu2e]), [])
      assert.deepEqual(at.work(), { ...duneOnce, ...mu2eOnce, 'refresh nova_analysis': 1 })
      await at.assertToldOnce(run)
      await assertToldPeopleOnce(at.dir)
    })

    it('the distributor killed while ssh runs', async () => {
      at.stopAt(`ssh:${node1}`, `ssh:${node2}`)
      const { run } = await at.pipe.startRun({ services: [dune] })
      const orphans = await Promise.all([at.isHeld(`ssh:${node1}`), at.isHeld(`ssh:${node2}`)])
      at.letGo(`ssh:${node2}`)
      await at.pipe.facts.until(
        'the other node has its token',
        ({ body }) => body.run === run && body.node === node2,
      )
      await at.pipe.killAndAwait('distributor', 'SIGKILL')
      await Promise.all(orphans.map((pid) => isGone(pid)))
      at.letAllGo()
      assert.deepEqual(await at.endOf(run, [dune]), duneOnce)
    })

    it('every daemon told to stop while it works', async () => {
      const points = [`htgettoken:${mu2e}`, `condor_vault_storer:${dune}`, `ssh:${node1}`]
      at.stopAt(...points)
      const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
      const orphans = await Promise.all(points.map(at.isHeld))
      // A login that is under way at the stop may be broken off, and then there are two.
      await at.pipe.facts.until(
        'the other node has its token',
        ({ body }) => body.run === run && body.entry === dune && body.node === node2,
      )
      const pids = at.pipe.supervisor.pids()
      const ends = daemons.map(async (daemon) => {
        at.pipe.supervisor.kill(daemon, 'SIGTERM')
        const isEnd = (event: { type: string; name: string; pid?: number }) =>
          event.type === 'died' && event.name === daemon && event.pid === pids[daemon]
        // Less than anything that it has under way may take.
        const end = await at.pipe.life.until(`${daemon} stops`, isEnd, 30_000)
        return `${daemon} ${'how' in end ? end.how : ''}`
      })
      assert.deepEqual(
        await Promise.all(ends),
        daemons.map((daemon) => `${daemon} ended with exit code 0`),
      )
      await Promise.all(orphans.map((pid) => isGone(pid, 0)))
      at.letAllGo()
      const work = await at.endOf(run, [dune, mu2e])
      const failed = (await at.pipe.storedFacts(run)).filter(({ subject }) =>
        subject.startsWith('token.failed'),
      )
      assert.deepEqual(failed, [], 'a stop is no failure')
      assert.deepEqual(
        { ...work, 'refresh mu2e_production': 1, 'store dune_production credd1': 1 },
        { ...duneOnce, ...mu2eOnce },
        'only what was broken off is done again',
      )
    })

    it('buckets and a stream removed while all run: made again, the administrators told by name, and the next run is whole', async () => {
      const { pipe } = at
      const { state } = pipe.site.layout
      const reload = () => void pipe.supervisor.kill('nats-server', 'SIGHUP')
      await using almighty = await connectAlmighty(state, pipe.supervisor.url, reload)
      const logs = () =>
        daemons.map((name) => readFileSync(join(pipe.site.layout.logs, `${name}.log`), 'utf8'))
      assert.doesNotMatch(
        logs().join(),
        /made again/,
        'nothing is lost at the first start, or where the server dies',
      )
      const lost = ['KV_targets', 'KV_sealed', 'KV_runs', 'PUSH']
      for (const name of lost) await almighty.jsm.streams.delete(name)
      for (const name of lost)
        await eventually(
          () => almighty.jsm.streams.info(name).then(Boolean, () => false),
          `${name} is there again`,
        )
      const { run } = await pipe.untilRunStarts(60_000)
      await at.endOf(run, [dune, mu2e, nova])
      const told = async () => (await readMailsAbout('', at.dir)).map(({ text }) => text).join()
      const named = ['bucket targets', 'bucket sealed', 'bucket runs', 'stream PUSH']
      for (const what of named)
        await eventually(async () => (await told()).includes(`${what} was gone`), `a mail about ${what}`)
      for (const what of named)
        assert.equal(logs().join().split(`"${what} was gone and is made again`).length, 2, what)
    })
  })
})

/** The one run of the site in which something failed was told once to each who has to know. */
async function assertToldPeopleOnce(dir: string): Promise<void> {
  await eventually(async () => (await readMails(dir)).length > 1, 'two mails')
  await eventually(async () => readPosts(dir).length > 0, 'a post')
  const mails = (await readMails(dir)).map(({ to }) => to)
  assert.deepEqual(mails, ['admin@sandbox.test', 'nova-operators@sandbox.test'])
  assert.equal(readPosts(dir).length, 1)
}
