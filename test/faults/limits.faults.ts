/** Daemons at the limit of their processes and memory: they wait and say why, do not die of it, and do the work once the limit is lifted. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Daemon, daemons } from '../../shared/contracts/subjects.ts'
import { dune, mu2e, nova, plainEntries } from '../support/held-work.ts'
import { eventually } from '../support/latch.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const entries = [dune, mu2e, nova]
const mebi = 1024 * 1024

describe('a daemon at its limit', { concurrency: 1, timeout: 400_000 }, () => {
  const at = usePipeline(() => ({ entries: plainEntries }))
  const logOf = (daemon: Daemon) => readFileSync(join(at.pipe.site.layout.logs, `${daemon}.log`), 'utf8')
  const pidOf = (daemon: Daemon) => Number(at.pipe.supervisor.pids()[daemon])

  async function assertWhole(run: string): Promise<void> {
    const { totals } = await at.pipe.finish(run, 180_000)
    assert.deepEqual([totals.failed, totals.unfinished], [0, 0])
    assert.deepEqual(await findMisplaced(at.pipe.site, entries), [])
  }

  /** A run under the limit, which is lifted once the daemon has said what it lacks. */
  async function assertWaits(daemon: Daemon, words: RegExp, setLimit: () => Disposable): Promise<void> {
    const before = at.pipe.supervisor.pids()
    let run: string
    {
      using _limit = setLimit()
      run = (await at.pipe.startRun()).run
      await eventually(
        async () =>
          logOf(daemon)
            .split('\n')
            .some((line) => line.includes(run) && words.test(line)),
        `the ${daemon} says what it lacks`,
      )
    }
    await assertWhole(run)
    assert.deepEqual(at.pipe.supervisor.pids(), before, 'nobody has died of it')
  }

  for (const daemon of ['refresher', 'distributor'] as const)
    it(`of processes: the ${daemon} waits, names the limit, and does the work of the same run when it is lifted`, () =>
      assertWaits(daemon, /EAGAIN/, () => {
        const pid = pidOf(daemon)
        const group = makeGroup('pids', `mt-test-${pid}`)
        group.add(pid)
        group.set('pids.max', readFileSync(join(group.path, 'pids.current'), 'utf8').trim())
        return group
      }))

  it('of memory: each does its work in 128 MB, and is not killed for it', async () => {
    using stack = new DisposableStack()
    const groups = new Map<Daemon, Group>()
    for (const daemon of daemons) {
      const group = stack.use(makeGroup('memory', `mt-test-${pidOf(daemon)}`))
      group.set(isUnified('memory') ? 'memory.max' : 'memory.limit_in_bytes', String(128 * mebi))
      // A process begins in its parent’s group, and the next daemon is a child of ours.
      group.add(process.pid)
      await at.pipe.killAndAwait(daemon, 'SIGKILL').finally(() => group.leave(process.pid))
      groups.set(daemon, group)
    }
    const before = at.pipe.supervisor.pids()
    await assertWhole((await at.pipe.startRun()).run)
    for (const [daemon, group] of groups)
      assert.ok(group.pids().includes(pidOf(daemon)), `${daemon} is limited`)
    assert.deepEqual(at.pipe.supervisor.pids(), before, 'nobody was killed for it')
  })
})

interface Group extends Disposable {
  readonly path: string
  set(file: string, value: string): void
  add(pid: number): void
  /** Back to the group of all. */
  leave(pid: number): void
  pids(): number[]
}

/** Whether that is one of the kernel's newer, single tree of groups. */
const isUnified = (kind: string) => !existsSync(`/sys/fs/cgroup/${kind}`)

/** A group of the kernel's, whose processes go back to where they came from at its end. Fails where the kernel lets nobody make one. */
function makeGroup(kind: 'memory' | 'pids', name: string): Group {
  const root = isUnified(kind) ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${kind}`
  const path = join(root, name)
  mkdirSync(path)
  const pids = () => readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  const leave = (pid: number) => writeFileSync(join(root, 'cgroup.procs'), String(pid))
  return {
    ...{ path, pids, leave },
    set: (file, value) => writeFileSync(join(path, file), value),
    add: (pid) => writeFileSync(join(path, 'cgroup.procs'), String(pid)),
    [Symbol.dispose]() {
      for (const pid of pids()) leave(pid)
      rmdirSync(path)
    },
  }
}
