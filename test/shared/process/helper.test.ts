import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openProcessHelper } from '../../../shared/process/helper.ts'
import { stopGroup } from '../../../shared/process/stop-group.ts'
import { eventually } from '../../support/latch.ts'
import { expectNothingLeftOpen } from '../../support/left-open.ts'
import { isGone, runs } from '../../support/processes.ts'

const shell = (script: string) => ({
  file: 'sh',
  args: ['-c', script],
  env: { PATH: '/usr/bin:/bin', ONLY: 'this' },
})
/** The helper's process id: the parent of what it starts. */
const parentOf = 'echo $PPID'

describe('a helper that starts processes', () => {
  expectNothingLeftOpen()

  it('tells exit code, signal and both outputs as if they were our own', async () => {
    await using helper = openProcessHelper({ few: 0 })
    const ends = await Promise.all(
      ['echo out; echo err >&2; exit 7', 'kill -KILL $$', 'echo $ONLY'].map(
        (script) => helper.start(shell(script)).ended,
      ),
    )
    assert.deepEqual(ends, [
      { exitCode: 7, stdout: 'out\n', stderr: 'err\n' },
      { signal: 'SIGKILL', stdout: '', stderr: '' },
      { exitCode: 0, stdout: 'this\n', stderr: '' },
    ])
  })

  it('says why a program cannot be started', async () => {
    await using helper = openProcessHelper({ few: 0 })
    const missing = helper.start({ ...shell(''), file: '/nowhere/kinit' })
    assert.equal((await missing.ended).error, 'ENOENT')
    assert.equal(await missing.pid, undefined)
    const long = helper.start({ ...shell(''), args: ['x'.repeat(10_000_000)] })
    assert.equal((await long.ended).error, 'E2BIG')
  })

  it('comes only to a crowd, is one for all of it, and leaves when nothing was started for a while', async () => {
    await using helper = openProcessHelper({ few: 2, idleMs: 3_000 })
    const parents: number[] = []
    for (let n = 0; n < 5; n++) parents.push(Number((await helper.start(shell(parentOf)).ended).stdout))
    const [, , third = 0] = parents
    assert.deepEqual(parents, [process.pid, process.pid, third, third, third])
    assert.notEqual(third, process.pid)
    await isGone(third, 30_000)
    assert.equal(Number((await helper.start(shell(parentOf)).ended).stdout), process.pid)
  })

  it('stays while something runs that takes longer than the while', async () => {
    await using helper = openProcessHelper({ few: 0, idleMs: 50 })
    const { ended } = helper.start(shell('sleep 0.5; echo done'))
    assert.equal((await ended).stdout, 'done\n')
  })

  it('lets its processes be ended as groups', async () => {
    await using helper = openProcessHelper({ few: 0 })
    const started = helper.start(shell('sleep 300 & echo $!; wait'))
    const pid = (await started.pid) ?? 0
    await stopGroup(started)
    const { signal, stdout } = await started.ended
    // SIGTERM, unless this machine stands still for a second.
    assert.match(signal ?? '', /^SIG(TERM|KILL)$/)
    for (const one of [pid, Number(stdout)]) await isGone(one, 30_000)
  })

  it('ends what it had started when it is killed itself, and is replaced', async () => {
    await using helper = openProcessHelper({ few: 0 })
    const parent = Number((await helper.start(shell(parentOf)).ended).stdout)
    const started = helper.start(shell('exec sleep 300'))
    const pid = (await started.pid) ?? 0
    process.kill(parent, 'SIGKILL')
    assert.deepEqual(await started.ended, { signal: 'SIGKILL', stdout: '', stderr: '' })
    await isGone(pid, 30_000)
    assert.notEqual(Number((await helper.start(shell(parentOf)).ended).stdout), parent)
  })

  it('is replaced when it hangs, and what it did not start ends all the same', async () => {
    await using helper = openProcessHelper({ few: 0 })
    const parent = Number((await helper.start(shell(parentOf)).ended).stdout)
    process.kill(parent, 'SIGSTOP')
    const started = helper.start(shell('echo never'))
    await stopGroup(started)
    assert.equal((await started.ended).signal, 'SIGKILL')
    await isGone(parent, 30_000)
    assert.notEqual(Number((await helper.start(shell(parentOf)).ended).stdout), parent)
  })

  it('does not mind the signals that its daemon gets with all its group', async () => {
    await using helper = openProcessHelper({ few: 0 })
    const parent = Number((await helper.start(shell(parentOf)).ended).stdout)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(parent, signal)
    assert.equal(Number((await helper.start(shell(parentOf)).ended).stdout), parent)
  })

  it('is gone when it was disposed', async () => {
    const helper = openProcessHelper({ few: 0 })
    const parent = Number((await helper.start(shell(parentOf)).ended).stdout)
    await helper[Symbol.asyncDispose]()
    await eventually(async () => !(await runs(parent)), 'the helper gone')
  })
})
