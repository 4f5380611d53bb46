/**
 * Two releases of the daemons side by side on one bus, and each daemon switched to the other one in the middle of a run, there and
 * back: the run ends well, nothing is dead-lettered or told that is not so, and either command line understands either daemon.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { type Daemon, daemons, streams } from '../../shared/contracts/subjects.ts'
import { useHeldSite } from '../support/held-site.ts'
import { dune, duneOnce, mu2e, mu2eOnce, node1, node2, plainEntries } from '../support/held-work.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { makeReleases, type Release, type Releases } from '../support/releases.ts'
import { type } from '../support/terminal.ts'

type Split = Readonly<Record<Daemon, Release>>

/** Whoever makes an item is of another release than the one that does it, in both ways. */
const mixed: Split = {
  refresher: 'earlier',
  storer: 'current',
  distributor: 'current',
  notifier: 'earlier',
}
const other = (release: Release): Release => (release === 'earlier' ? 'current' : 'earlier')
const turned = Object.fromEntries(daemons.map((name) => [name, other(mixed[name])])) as Split

describe('two releases side by side', { timeout: 400_000 }, () => {
  const stack = new AsyncDisposableStack()
  let releases: Releases
  before(async () => {
    releases = makeReleases(stack.use(await makeDirectory()).path)
    for (const name of daemons) releases.choose(name, mixed[name])
  })
  const at = useHeldSite({
    entries: plainEntries,
    holdSsh: true,
    mainOf: (daemon) => releases.mainOf(daemon),
  })

  after(() => stack.disposeAsync())

  const steps: Readonly<Record<string, Split>> = {
    'each daemon switched to the other release in the middle of a run': turned,
    'and back in the middle of the next run': mixed,
  }
  for (const [what, split] of Object.entries(steps))
    it(`${what}: everything arrives, once, and nothing is a dead letter`, async (t) => {
      sayWhatIsMissing(t)
      const points = [`htgettoken:${mu2e}`, `condor_vault_storer:${dune}`, `ssh:${node1}`]
      at.stopAt(...points)
      const { run } = await at.pipe.startRun({ services: [dune, mu2e] })
      await Promise.all(points.map(at.isHeld))
      await at.pipe.facts.until(
        'the other node has its token',
        ({ body }) => body.run === run && body.entry === dune && body.node === node2,
      )
      for (const name of daemons) {
        releases.choose(name, split[name])
        await at.pipe.killAndAwait(name, 'SIGTERM')
      }
      at.letAllGo()
      const work = await at.endOf(run, [dune, mu2e])
      const again = {
        'refresh mu2e_production': 2,
        'store dune_production credd1': 2,
        'push dunegpvm01 dunepro': 1,
      }
      assert.deepEqual(
        { ...work, ...again },
        { ...duneOnce, ...mu2eOnce, ...again },
        'only what was in hand is done again',
      )
      const facts = await at.pipe.storedFacts(run)
      assert.deepEqual(
        facts.filter(({ subject }) => subject.startsWith('token.failed')),
        [],
      )
      assert.equal((await at.pipe.bus.jsm.streams.info(streams.dead)).state.messages, 0, 'dead letters')
    })

  for (const release of ['earlier', 'current'] as const)
    it(`the ${release} command line understands daemons of both`, async (t) => {
      sayWhatIsMissing(t)
      const { config, layout } = at.pipe.site
      const typed = (...words: string[]) =>
        type([...words, '--config', config, '--state', layout.state, '--nats', at.pipe.supervisor.url], {
          program: join(releases.trees[release], 'cli', 'main.ts'),
        })
      const run = await typed('run', '--watch', '--service', dune)
      assert.equal(run.exit, 0)
      assert.match(run.stderr, /dune_production: stored in credd1/)
      const status = await typed('status')
      assert.deepEqual([status.exit, status.stderr], [0, ''])
      assert.match(status.stdout, /dunegpvm01[\s\S]*dune_production/)
      const services = await typed('services')
      assert.deepEqual([services.exit, services.stderr], [0, ''])
      assert.match(services.stdout, /mu2e_production/)
    })

  function sayWhatIsMissing(t: TestContext): void {
    if (releases.missing)
      t.diagnostic(
        `THE EARLIER RELEASE IS NOT HERE (${releases.missing}): two copies of the working tree stand in for the two releases`,
      )
  }
})
