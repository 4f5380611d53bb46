import assert from 'node:assert/strict'
import childProcess, { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { SpanStatusCode } from '@opentelemetry/api'
import { type Command, type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { keepSpans } from '../../support/kept-spans.ts'
import { eventually } from '../../support/latch.ts'
import { expectNothingLeftOpen } from '../../support/left-open.ts'
import { isGone, runs } from '../../support/processes.ts'

const bin = (name: string) => join(import.meta.dirname, '../../bin', name)
const env = { PATH: '/usr/bin:/bin' }
const command = (fields: Partial<Command> & { file: string }): Command => ({
  ...{ args: [], env, timeoutMs: 20_000 },
  ...fields,
})
const shell = (script: string, fields: Partial<Command> = {}) =>
  runCommand(command({ file: 'sh', args: ['-c', script], ...fields }))

/** A quarter of 1 GB: what is read and let go of waits for the collector, longer on a busy machine. */
const bound = 256 * 1024 * 1024

/** Fails where this process grows as if it kept what a command says. */
async function inBoundedMemory<T>(work: () => Promise<T>): Promise<T> {
  const before = process.memoryUsage().rss
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  try {
    return await work()
  } finally {
    clearInterval(watch)
    assert.ok(most - before < bound, `grew by ${Math.round((most - before) / 1e6)} MB`)
  }
}

describe('running a command', () => {
  expectNothingLeftOpen()

  it('tells its exit code and both outputs', async () => {
    const outcome = await shell('echo out; echo err >&2; exit 7')
    assert.deepEqual(outcome, { kind: 'exited', exitCode: 7, stdout: 'out\n', stderr: 'err\n' })
  })

  it('gives it exactly the environment it is told, and nothing of ours', async () => {
    process.env.PLANTED_SECRET = 'planted'
    try {
      const outcome = await runCommand(command({ file: '/usr/bin/env', env: { ONLY: 'this' } }))
      assert.equal(outcome.stdout, 'ONLY=this\n')
    } finally {
      delete process.env.PLANTED_SECRET
    }
  })

  it('closes its stdin, or gives it what it is told and closes it then', async () => {
    assert.match((await runCommand(command({ file: bin('say.sh'), args: ['0'] }))).stdout, /^stdin=\[\]$/m)
    const told = await runCommand(command({ file: bin('say.sh'), args: ['0'], input: 'hvs.planted\n' }))
    assert.match(told.stdout, /^stdin=\[hvs.planted\]$/m)
  })

  it('does not mind that its input is not read', async () => {
    const outcome = await shell('exec <&-; exit 3', { input: 'x'.repeat(1_000_000) })
    assert.ok(outcome.kind === 'exited' && outcome.exitCode === 3)
  })

  it('takes arguments as they are, without a shell', async () => {
    const outcome = await runCommand(command({ file: 'printf', args: ['%s|', '$HOME', '; exit 1', '*', ''] }))
    assert.equal(outcome.stdout, '$HOME|; exit 1|*||')
  })

  it('runs it where it is told', async () => {
    assert.equal((await shell('pwd', { cwd: '/usr' })).stdout, '/usr\n')
  })

  it('says that a program is missing or cannot be started', async () => {
    const missing = await runCommand(command({ file: '/nowhere/kinit' }))
    assert.ok(missing.kind === 'missing' && missing.reason === 'not found')
    const unusable = await runCommand(command({ file: '/etc/passwd' }))
    assert.ok(unusable.kind === 'missing' && unusable.reason === 'EACCES')
    const nowhere = await shell('true', { cwd: '/nowhere' })
    assert.equal(nowhere.kind, 'missing')
  })

  it('gives it outputs that it can open by name', async () => {
    const outcome = await runCommand(command({ file: bin('open-by-name.sh') }))
    assert.deepEqual(outcome, {
      ...{ kind: 'exited', exitCode: 4 },
      ...{ stdout: 'one\ntwo\nthree\nfour\n', stderr: 'bad\nworse\n' },
    })
  })

  it('keeps the beginning and the end of an output of 1 GB, and no more memory than that', async () => {
    const outcome = await inBoundedMemory(() =>
      runCommand(command({ file: bin('flood.sh'), args: ['536870912'], timeoutMs: 170_000 })),
    )
    assert.ok(outcome.kind === 'exited' && outcome.exitCode === 0)
    for (const [said, number] of [
      [outcome.stdout, 1],
      [outcome.stderr, 2],
    ] as const) {
      assert.ok(said.length < 66_000)
      assert.match(said, new RegExp(`^the beginning of ${number}\\n\\0+\\n…\\n\\0+the end of ${number}\\n$`))
    }
  })

  it('loses nothing of a longer output than a pipe holds', async () => {
    const said = `${'x'.repeat(1_000)}\n`.repeat(65)
    const outcome = await shell('cat; cat /dev/null', { input: said })
    assert.equal(outcome.stdout, said)
  })

  it('keeps the outputs of many at once apart', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => shell(`echo out${n}; echo err${n} >&2; exit ${n}`)),
    )
    for (const [n, outcome] of outcomes.entries())
      assert.deepEqual(outcome, {
        ...{ kind: 'exited', exitCode: n },
        ...{ stdout: `out${n}\n`, stderr: `err${n}\n` },
      })
  })

  it('leaves no descriptor and no file behind', async () => {
    const open = async () => (await readdir('/proc/self/fd')).length
    const madeHere = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('mt-pipe-'))
    await Promise.all(Array.from({ length: 5 }, () => shell('true')))
    const before = await open()
    for (let n = 0; n < 20; n++) {
      await Promise.all(Array.from({ length: 5 }, () => shell('echo much; echo more >&2')))
      await runCommand(command({ file: '/nowhere/kinit' }))
    }
    await eventually(async () => (await open()) <= before, 'the descriptors closed')
    assert.deepEqual(await madeHere(), [])
  })

  it('tells by which signal it died', async () => {
    const outcome = await shell('kill -KILL $$')
    assert.ok(outcome.kind === 'killed' && outcome.signal === 'SIGKILL')
  })

  it('says so when no file descriptor is left, and goes on', () => {
    const program = join(import.meta.dirname, 'no-descriptors.ts')
    const said = execFileSync(process.execPath, [program], { encoding: 'utf8' })
    assert.deepEqual(JSON.parse(said), [
      { kind: 'missing', reason: 'no pipe for its output: EMFILE', stdout: '', stderr: '' },
      { kind: 'exited', exitCode: 0, stdout: 'on\n', stderr: '' },
    ])
  })

  it('does not start at all when the daemon is stopping already', async () => {
    const outcome = await shell('echo started', { signal: AbortSignal.abort() })
    assert.deepEqual(outcome, { kind: 'killed', signal: 'SIGTERM', stdout: '', stderr: '' })
  })
})

describe('stopping a command', () => {
  expectNothingLeftOpen()
  let directory = ''
  let file = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mt-command-'))
    file = join(directory, 'pids')
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const pids = async () => (await readFile(file, 'utf8')).split(' ').map(Number)
  const stubborn = (kind: string, fields: Partial<Command> = {}) =>
    runCommand(command({ file: bin('stubborn.sh'), args: [file, kind], timeoutMs: 60_000, ...fields }))
  const isAtWork = () =>
    pids().then(
      () => true,
      () => false,
    )

  /** Its deadline comes when it is at work: later, where a busy machine has not got it that far. */
  async function untilDeadline(
    start: (timeoutMs: number) => Promise<CommandOutcome>,
    isFarEnough: (outcome: CommandOutcome) => boolean | Promise<boolean> = isAtWork,
  ): Promise<CommandOutcome> {
    for (let timeoutMs = 500; ; timeoutMs *= 2) {
      const outcome = await start(timeoutMs)
      if (await isFarEnough(outcome)) return outcome
    }
  }
  const stubbornUntilDeadline = (kind: string) => untilDeadline((timeoutMs) => stubborn(kind, { timeoutMs }))

  for (const [says, kind] of [
    ['a grandchild that ignores SIGTERM and holds the output open', 'pipe'],
    ['a grandchild that ignores SIGTERM and has let go of the output', 'quiet'],
    ['a child that ignores SIGTERM, as its grandchild does, which has let go of the output', 'both'],
  ] as const)
    it(`at its deadline ends the whole group, with ${says}`, async () => {
      const outcome = await stubbornUntilDeadline(kind)
      assert.equal(outcome.kind, 'timeout')
      assert.equal(outcome.stdout, 'started\n')
      for (const pid of await pids()) await isGone(pid, 30_000)
    })

  it('at its deadline ends one that talks without end, and has kept a little of it', async () => {
    const talk = (timeoutMs: number) => shell(`echo $$ > ${file}; exec yes`, { timeoutMs })
    const outcome = await untilDeadline(talk, ({ stdout }) => stdout.includes('…'))
    assert.equal(outcome.kind, 'timeout')
    assert.match(outcome.stdout, /^(y\n)+\n…\n(y?\n)+$/)
    assert.ok(outcome.stdout.length < 66_000)
    for (const pid of await pids()) await isGone(pid, 30_000)
  })

  it('does not hear a process outside the group of an earlier command in a later one', async () => {
    const { kind } = await stubbornUntilDeadline('over')
    const [, outside = 0] = await pids()
    try {
      assert.equal(kind, 'timeout')
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => shell('sleep 0.3; echo mine')))
      for (const { stdout } of outcomes) assert.equal(stdout, 'mine\n')
    } finally {
      await runs(outside).then((does) => does && process.kill(-outside, 'SIGKILL'))
    }
  })

  it('comes back although a process outside the group holds the output open', async () => {
    const outcome = await stubbornUntilDeadline('outside')
    const [shellPid = 0, outside = 0] = await pids()
    try {
      assert.equal(outcome.kind, 'timeout')
      await isGone(shellPid, 30_000)
      assert.equal(await runs(outside), true, 'whoever left the group is not ours to end')
    } finally {
      process.kill(-outside, 'SIGKILL')
    }
  })

  it('gives the group time to tidy up, and waits for that', async () => {
    const outcome = await stubbornUntilDeadline('patient')
    assert.equal(outcome.kind, 'timeout')
    assert.equal(await readFile(`${file}.tidied`, 'utf8'), 'tidied\n')
    for (const pid of await pids()) await isGone(pid, 30_000)
  })

  it('has ended in time where we stood still past its deadline, and hear of its end later', async (t) => {
    const ended = join(directory, 'ended')
    const standStill = () => {
      while (!existsSync(ended)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
    const { spawn } = childProcess
    t.mock.method(childProcess, 'spawn', (...args: Parameters<typeof spawn>) => {
      if (args[0] === 'sh') queueMicrotask(standStill)
      return spawn(...args)
    })
    syncBuiltinESMExports()
    const outcome = await shell(`echo done; : >${ended}`, { timeoutMs: 1 })
    t.mock.restoreAll()
    syncBuiltinESMExports()
    assert.deepEqual(outcome, { kind: 'exited', exitCode: 0, stdout: 'done\n', stderr: '' })
  })

  it('ends it when the daemon stops, and does not call that a timeout', async () => {
    const abort = new AbortController()
    const outcome = stubborn('patient', { signal: abort.signal })
    await eventually(isAtWork, 'the command at work', 30_000)
    abort.abort()
    const { kind } = await outcome
    assert.equal(kind, 'killed')
    for (const pid of await pids()) await isGone(pid, 30_000)
  })
})

describe('what is told of a command', () => {
  it('is one span, with its exit code and the facts that were given, and nothing it said or was told', async () => {
    await using kept = keepSpans()
    await runCommand(
      command({
        file: bin('say.sh'),
        name: 'htgettoken',
        args: ['9'],
        env: { ...env, PLANTED: 'planted-in-env' },
        input: 'planted-on-stdin',
        attributes: { 'managed_tokens.entry': 'dune_production' },
      }),
    )
    const { spans } = kept
    assert.deepEqual(
      spans.map(({ name }) => name),
      ['exec htgettoken'],
    )
    assert.deepEqual(spans[0]?.attributes, {
      'process.executable.name': 'htgettoken',
      'managed_tokens.entry': 'dune_production',
      'managed_tokens.outcome': 'exited',
      'process.exit.code': 9,
      'error.type': 'exit',
    })
    assert.equal(spans[0]?.status.code, SpanStatusCode.ERROR)
    assert.deepEqual(spans[0]?.events, [])
    assert.doesNotMatch(JSON.stringify([spans[0]?.attributes, spans[0]?.status]), /planted|secret/)
  })

  it('is no error where it went well, and one where it timed out or is missing', async () => {
    await using kept = keepSpans()
    await shell('true')
    await shell('sleep 5', { timeoutMs: 100 })
    await runCommand(command({ file: '/nowhere/kinit' }))
    const told = kept.spans.map(({ name, status, attributes }) => [
      name,
      status.code,
      attributes['managed_tokens.outcome'],
    ])
    assert.deepEqual(told, [
      ['exec sh', SpanStatusCode.UNSET, 'exited'],
      ['exec sh', SpanStatusCode.ERROR, 'timeout'],
      ['exec kinit', SpanStatusCode.ERROR, 'missing'],
    ])
  })
})
