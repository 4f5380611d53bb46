/** The storer's event loop stands still while condor_vault_storer runs: nobody is orphaned, nobody runs beside it, nothing false is told. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readTogether } from '../../sandbox/calls.ts'
import { useHeldSite } from '../support/held-site.ts'
import { dune, duneOnce, plainEntries } from '../support/held-work.ts'
import { eventually } from '../support/latch.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, within } from '../support/pipeline.ts'
import { isGone } from '../support/processes.ts'
import { startReplica } from '../support/soak-storers.ts'

const standingStill = (seconds: number) => ({
  NODE_OPTIONS: `--import=${join(import.meta.dirname, '../support/stand-still.ts')}`,
  STAND_STILL_MS: String(seconds * 1_000),
})
const storing = `condor_vault_storer:${dune}`
const timeouts = (seconds: number) => ({
  timeouts: { ...patience.timeouts, vaultStorerTimeout: `${seconds}s` },
})

// They wait most of the time.
describe('a storer whose event loop stands still', { concurrency: 2, timeout: 400_000 }, () => {
  describe('for a minute, beside another storer', { concurrency: 1 }, () => {
    const at = useHeldSite({ entries: plainEntries, env: standingStill(60) })

    it('has its command ended by the one that takes over, and on waking stores and tells nothing', async (t) => {
      const directory = await makeDirectory()
      t.after(() => directory[Symbol.asyncDispose]())
      const replica = startReplica(at.pipe, directory.path, 2)
      t.after(() => replica.stop())
      await within(90_000, 'the replica is ready', replica.ready())
      at.stopAt(storing)
      const { run } = await at.pipe.startRun({ services: [dune] })
      const orphan = await at.isHeld(storing)
      const asleep = performance.now()
      at.pipe.supervisor.kill('storer', 'SIGUSR2')
      await isGone(orphan, 50_000)
      await at.isHeld(storing)
      at.letAllGo()
      const work = await at.endOf(run, [dune])
      assert.deepEqual(work, { ...duneOnce, 'store dune_production credd1': 2 })
      assert.ok(performance.now() - asleep < 60_000, 'it still sleeps')
      const log = join(at.pipe.site.layout.logs, 'storer.log')
      const isAwake = async () => /the lease was lost/.test(readFileSync(log, 'utf8'))
      await eventually(isAwake, 'it finds out', 120_000)
      await at.assertToldOnce(run)
      assert.deepEqual([at.work(), readTogether(at.dir)], [work, []])
    })
  })

  describe('for twenty seconds, alone', { concurrency: 1 }, () => {
    const at = useHeldSite({ entries: plainEntries, settings: timeouts(15), env: standingStill(20) })

    it('takes what its command did meanwhile for done, although its deadline has passed too', async () => {
      at.stopAt(storing)
      const { run } = await at.pipe.startRun({ services: [dune] })
      const command = await at.isHeld(storing)
      at.pipe.supervisor.kill('storer', 'SIGUSR2')
      at.letAllGo()
      await isGone(command)
      assert.deepEqual(await at.endOf(run, [dune]), duneOnce)
      const failed = (await at.pipe.storedFacts(run)).filter(({ subject }) => subject.includes('failed'))
      assert.deepEqual(failed, [])
    })

    it('ends a command that is still there after its deadline, as a whole, before it runs another', async () => {
      at.stopAt(storing)
      const { run } = await at.pipe.startRun({ services: [dune] })
      const command = await at.isHeld(storing)
      at.pipe.supervisor.kill('storer', 'SIGUSR2')
      await isGone(command, 60_000)
      at.letAllGo()
      const { totals } = await at.pipe.finish(run)
      assert.equal(totals.failed + totals.done, 3)
      const next = await at.pipe.startRun({ services: [dune] })
      await at.pipe.finish(next.run)
      assert.equal(existsSync(`/proc/${command}`), false)
      assert.deepEqual(readTogether(at.dir), [])
    })
  })
})
