/** The only nats-server stands still in the middle of a run: nothing fails, nothing is done twice, the run ends late. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { buckets, daemons } from '../../shared/contracts/subjects.ts'
import type { TargetRecord } from '../../shared/work/target-record.ts'
import { connectAlmighty } from '../support/almighty.ts'
import { whileBusStandsStill } from '../support/bus-pause.ts'
import { useHeldSite } from '../support/held-site.ts'
import { dune, duneOnce, mu2e, mu2eOnce, node1, nova, plainEntries } from '../support/held-work.ts'
import { eventually } from '../support/latch.ts'
import { isGone } from '../support/processes.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { type } from '../support/terminal.ts'
import { readMails } from '../support/told.ts'

const bothOnce = { ...duneOnce, ...mu2eOnce }

describe('a run whose bus stands still', { concurrency: 1, timeout: 400_000 }, () => {
  const at = useHeldSite({ entries: plainEntries, holdSsh: true })

  /** The run ends whole, told of no failure; and no attempt was used up. */
  async function endOf(run: string, entries: readonly string[]) {
    const work = await at.endOf(run, entries)
    const facts = await at.pipe.storedFacts(run)
    assert.deepEqual(
      facts.filter(({ subject }) => subject.startsWith('token.failed')),
      [],
    )
    assert.deepEqual(await attemptsOf(run), [1])
    return work
  }

  /** How often the targets of the run were tried, each number once. */
  async function attemptsOf(run: string): Promise<number[]> {
    const { supervisor, site } = at.pipe
    const reload = () => void supervisor.kill('nats-server', 'SIGHUP')
    await using almighty = await connectAlmighty(site.layout.state, supervisor.url, reload)
    const attempts = new Set<number>()
    for await (const found of await (await almighty.bucket(buckets.targets)).history()) {
      const record = found.operation === 'PUT' && found.json<TargetRecord>()
      if (record && record.run === run && record.ended) attempts.add(record.attempts)
    }
    return [...attempts]
  }

  // From fifteen seconds on, the server takes it that nobody works on it any more, and gives it to others, who are not there.
  for (const seconds of [4, 8, 15, 30])
    it(`for ${seconds} s while htgettoken runs: what it brings is kept until the bus takes it`, async () => {
      at.stopAt(`htgettoken:${dune}`, `htgettoken:${mu2e}`)
      const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
      await Promise.all([at.isHeld(`htgettoken:${dune}`), at.isHeld(`htgettoken:${mu2e}`)])
      await whileBusStandsStill(at.pipe, seconds * 1_000, at.letAllGo)
      assert.deepEqual(await endOf(run, [dune, mu2e]), bothOnce)
    })

  it('while tokens are stored and pushed', async () => {
    at.stopAt(`condor_vault_storer:${dune}`, `ssh:${node1}`)
    const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
    await Promise.all([at.isHeld(`condor_vault_storer:${dune}`), at.isHeld(`ssh:${node1}`)])
    await whileBusStandsStill(at.pipe, 8_000, at.letAllGo)
    assert.deepEqual(await endOf(run, [dune, mu2e]), bothOnce)
  })

  it('as soon as it is asked for', async () => {
    const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
    await whileBusStandsStill(at.pipe, 6_000, () => {})
    assert.deepEqual(await endOf(run, [dune, mu2e]), bothOnce)
  })

  it('again and again', async () => {
    at.stopAt(`condor_vault_storer-done:${dune}`)
    const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
    await whileBusStandsStill(at.pipe, 4_000, () => {})
    await at.isHeld(`condor_vault_storer-done:${dune}`)
    await whileBusStandsStill(at.pipe, 7_000, at.letAllGo)
    assert.deepEqual(await endOf(run, [dune, mu2e]), bothOnce)
  })

  it('and somebody who asks for another meanwhile hears that the bus is not ready', async () => {
    const words = ['run', '--state', at.pipe.site.layout.state]
    const { exit, stderr } = await whileBusStandsStill(at.pipe, 0, () => type(words))
    assert.equal(exit, 1)
    assert.match(stderr, /is not ready, .* \(no answer\): try again in a moment/)
  })

  it('while people are told: each mail goes out once', async () => {
    writeFaults(at.dir, { 'needs-onboarding': [nova] })
    at.stopAt('mail')
    const { run } = await at.pipe.startRun({ services: [dune, nova] })
    await at.isHeld('mail')
    await whileBusStandsStill(at.pipe, 8_000, at.letAllGo)
    const { totals } = await at.pipe.finish(run)
    assert.deepEqual([totals.failed, totals.superseded, totals.unfinished], [1, 0, 0])
    assert.deepEqual(await findMisplaced(at.pipe.site, [dune]), [])
    assert.deepEqual(at.work(), { ...duneOnce, 'refresh nova_analysis': 1 })
    await at.assertToldOnce(run)
    await eventually(async () => (await readMails(at.dir)).length > 1, 'two mails')
    const mails = (await readMails(at.dir)).map(({ to }) => to)
    assert.deepEqual(mails, ['admin@sandbox.test', 'nova-operators@sandbox.test'])
  })

  it('and every daemon is told to stop meanwhile: each ends by itself, in time, and the next ones go on', async () => {
    const points = [`htgettoken:${mu2e}`, `condor_vault_storer:${dune}`, `ssh:${node1}`]
    at.stopAt(...points)
    const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
    const orphans = await Promise.all(points.map(at.isHeld))
    const pids = at.pipe.supervisor.pids()
    await whileBusStandsStill(at.pipe, 0, async () => {
      const ends = daemons.map(async (daemon) => {
        at.pipe.supervisor.kill(daemon, 'SIGTERM')
        const isEnd = (event: { type: string; name: string; pid?: number }) =>
          event.type === 'died' && event.name === daemon && event.pid === pids[daemon]
        // Less than anything that it has under way may take.
        const end = await at.pipe.life.until(`${daemon} stops`, isEnd, 20_000)
        return `${daemon} ${'how' in end ? end.how : ''}`
      })
      assert.deepEqual(
        await Promise.all(ends),
        daemons.map((daemon) => `${daemon} ended with exit code 0`),
      )
    })
    await Promise.all(orphans.map((pid) => isGone(pid, 0)))
    at.letAllGo()
    await at.endOf(run, [dune, mu2e])
    const failed = (await at.pipe.storedFacts(run)).filter(({ subject }) =>
      subject.startsWith('token.failed'),
    )
    assert.deepEqual(failed, [], 'a stop is no failure')
  })
})
