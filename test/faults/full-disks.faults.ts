/** Disks that are full below nats-server and below each daemon's state: old tokens stay, people are told why, and all goes on by itself when there is room. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startSite } from '../../sandbox/site.ts'
import { dune, mu2e, nova, plainEntries } from '../support/held-work.ts'
import { eventually } from '../support/latch.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const entries = [dune, mu2e, nova]
/** Below which each disk lies, from the state directory. */
const disks = { bus: 'nats/jetstream', storer: 'storer' }
type Disk = keyof typeof disks

describe('a full disk', { concurrency: 1, timeout: 400_000 }, () => {
  const mounted: string[] = []
  const at = usePipeline(() => ({
    entries: plainEntries,
    async start(options) {
      const site = await startSite(options)
      for (const path of Object.values(disks)) {
        const directory = join(site.layout.state, path)
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=0700', 'none', directory])
        mounted.push(directory)
      }
      const unmount = async () => {
        await site[Symbol.asyncDispose]()
        for (const directory of mounted) execFileSync('umount', ['-l', directory])
      }
      return { ...site, [Symbol.asyncDispose]: unmount }
    },
  }))
  const fillerOf = (disk: Disk) => join(at.pipe.site.layout.state, disks[disk], 'filler')
  const logOf = (name: string) => readFileSync(join(at.pipe.site.layout.logs, `${name}.log`), 'utf8')

  function fill(disk: Disk): Disposable {
    assert.throws(() => writeFileSync(fillerOf(disk), Buffer.alloc(4 << 20)), { code: 'ENOSPC' })
    return { [Symbol.dispose]: () => rmSync(fillerOf(disk), { force: true }) }
  }

  async function assertRunIsWhole(): Promise<void> {
    const { run } = await at.pipe.untilRunStarts(120_000)
    const { totals } = await at.pipe.finish(run, 180_000)
    assert.deepEqual([totals.failed, totals.unfinished], [0, 0])
    assert.deepEqual(await findMisplaced(at.pipe.site, entries), [])
  }

  it('below nats-server: it is said, tokens stay, and a run is whole once there is room, with nobody’s help', async () => {
    await assertRunIsWhole()
    const pids = at.pipe.supervisor.pids()
    {
      using _full = fill('bus')
      // What has room by chance may still be taken.
      await at.pipe.startRun().catch(() => undefined)
      await at.pipe.life.until('it is said that there is no room', (event) => event.type === 'no-room')
      await eventually(async () => /JetStream does not answer/.test(logOf('storer')), 'a daemon says so')
      assert.deepEqual(await findMisplaced(at.pipe.site, entries), [])
    }
    await assertRunIsWhole()
    const now = at.pipe.supervisor.pids()
    assert.deepEqual(
      { ...now, 'nats-server': 0 },
      { ...pids, 'nats-server': 0 },
      'no daemon was started again',
    )
  })

  it('below a daemon’s state: it is said as what it is, old tokens stay, and the next run is whole when there is room', async () => {
    // New tickets are wanted, and have no room.
    rmSync(join(at.pipe.site.layout.state, disks.storer, 'tickets'), { recursive: true, force: true })
    {
      using _full = fill('storer')
      const { run } = await at.pipe.startRun()
      const says = (line: string) => line.includes(run) && line.includes('disk-full-here')
      await eventually(async () => logOf('storer').split('\n').some(says), 'its reason is in the log')
    }
    await assertRunIsWhole()
  })
})
