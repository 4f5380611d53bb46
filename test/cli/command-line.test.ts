/** The command line as somebody at a terminal meets it: what can be typed, what a mistake is answered with, what it looks like. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { createUser } from '@nats-io/nkeys'
import { makeProgram } from '../../cli/program.ts'
import { hold, release } from '../../sandbox/hold.ts'
import { versionOf } from '../../shared/release/version.ts'
import { makeDirectory, type Pipeline } from '../support/pipeline.ts'
import { main, type, typeOnTerminal } from '../support/terminal.ts'
import { useTypedSite } from '../support/typed-site.ts'

const esc = '\u001b'

const commands = [
  ['up'],
  ['run'],
  ['status'],
  ['services'],
  ['explain'],
  ['onboard'],
  ['doctor'],
  ['uids', 'refresh'],
  ['uids', 'import'],
  ['config', 'check'],
  ['config', 'schema'],
  ['config', 'explain'],
]

describe('without any server', () => {
  it('alone it prints its help and calls that wrong use', async () => {
    const { exit, stdout, stderr } = await type([])
    assert.deepEqual([exit, stdout], [2, ''])
    assert.match(
      stderr,
      /^Usage: managed-tokens[\s\S]*Examples:[\s\S]*Exit codes: 0 fine, 1 something failed, 2 wrong use/,
    )
  })

  for (const words of commands)
    it(`${words.join(' ')} --help teaches with examples`, async () => {
      let shown = ''
      const program = makeProgram({
        writeOut(text) {
          shown += text
        },
      })
      await assert.rejects(program.parseAsync([...words, '--help'], { from: 'user' }), { exitCode: 0 })
      assert.ok(
        shown.split('Examples:')[1]?.includes(`managed-tokens ${words.join(' ')}`) || words[0] === 'config',
      )
      assert.match(shown, /Examples:\n {2}managed-tokens /)
    })

  it('--help goes to standard output, and is nothing wrong', async () => {
    const { exit, stdout, stderr } = await type(['run', '--help'])
    assert.deepEqual([exit, stderr], [0, ''])
    assert.match(stdout, /^Usage: managed-tokens run[\s\S]*Examples:\n {2}managed-tokens /)
  })

  it('says its version, with the commit where it is known', async () => {
    const { exit, stdout } = await type(['--version'])
    assert.equal(exit, 0)
    assert.equal(stdout, `${versionOf(join(import.meta.dirname, '../..'))}\n`)
    assert.match(stdout, /^\d+\.\d+\.\d+(\+[0-9a-f]{12})?\n$/)
  })

  it('says nothing when whoever reads it has read enough', async () => {
    const child = spawn('sh', ['-c', `"$0" "$1" --help | true`, process.execPath, main], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    assert.equal((await child.stderr.setEncoding('utf8').toArray()).join(''), '')
  })

  for (const [words, said] of [
    [['rn'], /unknown command 'rn'\n\(Did you mean run\?\)/],
    [['run', '--wach'], /unknown option '--wach'\n\(Did you mean --watch\?\)/],
    [
      ['run', '-r', '-s', 'dune_production'],
      /-r was a flag of token-push.*managed-tokens onboard dune_production/,
    ],
    [['run', '-s'], /'-s, --service <NAME>' argument missing/],
    [['up', '--nats-port', 'x'], /A port is a number/],
    [['run', '-e', ''], /-e, --experiment <NAME> is given, but empty/],
    [['explain'], /missing required argument 'SERVICE'/],
    [['status', '--state', '/nonexistent'], /No NATS server is known.*--nats URL or --state DIR/],
    [['config', 'check', '/nonexistent.yml'], /^$/],
    [['explain', 'x', '-c', '/nonexistent.yml'], /there is no such file/],
    [
      ['run', '--list-services'],
      /no configuration found: looked for .* Put one there, or name it with --config/,
    ],
  ] as const)
    it(`${words.join(' ')} is wrong use: exit 2 and the next step`, async () => {
      const { exit, stderr } = await type(words)
      assert.equal(exit, 2)
      assert.match(stderr, said)
      assert.doesNotMatch(stderr, /^\s+at /m, 'no stack trace')
    })

  it('wrong use is JSON as well, for programs', async () => {
    const { exit, stdout, stderr } = await type(['run', '--wach', '--json'])
    assert.equal(exit, 2)
    assert.deepEqual(JSON.parse(stdout), {
      error: { code: 'wrong-use', message: "unknown option '--wach'\n(Did you mean --watch?)" },
    })
    assert.match(stderr, /^error: unknown option '--wach'/)
  })

  it('a server that refuses is named, with what to do; for programs as JSON as well', async () => {
    const nats = ['--nats', 'nats://127.0.0.1:1']
    const env = { NATS_NKEY: '/etc/hostname' }
    const { exit, stdout, stderr } = await type(['status', '--json', ...nats], { env })
    assert.equal(exit, 1)
    assert.match(stderr, /^managed-tokens: .*$/m)
    const { error } = JSON.parse(stdout)
    assert.ok(stderr.includes(error.message))
  })
})

describe('with a server that accepts and never says anything', () => {
  let silent: Server
  before(async () => {
    silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
  })
  after(() => silent.close())

  it('is given up', async () => {
    await using directory = await makeDirectory()
    const seed = `${directory.path}/operator.nk`
    await writeFile(seed, createUser().getSeed())
    const { port } = silent.address() as AddressInfo
    const { exit, stderr } = await type(['status', '--nats', `nats://127.0.0.1:${port}`], {
      env: { NATS_NKEY: seed },
      timeoutMs: 60_000,
    })
    assert.equal(exit, 1)
    assert.match(stderr, /is not ready, or something is in the way \(no answer\): try again in a moment/)
  })
})

describe('with a site', () => {
  const at = useTypedSite()
  let pipe: Pipeline
  let state: readonly string[]
  before(() => {
    pipe = at.pipe
    state = ['--state', pipe.site.layout.state]
  })

  it('status before the first run says how to start one', async () => {
    const { exit, stderr } = await type(['status', ...state])
    assert.equal(exit, 1)
    assert.match(stderr, /There has been no run yet: start one with managed-tokens run\./)
  })

  it('a service that is not there is answered with the one that was meant', async () => {
    const { exit, stdout, stderr } = await type(['run', '-s', 'dune_prodution', '--json', ...state])
    assert.equal(exit, 2)
    assert.match(stderr, /[Nn]o service "?dune_prodution"?; did you mean dune_production\?/)
    assert.equal(JSON.parse(stdout).error.code, 'unknown-service')
    assert.equal((await type(['run', '-e', 'dun', ...state])).exit, 2)
    assert.equal((await type(['status', '--run', '01NOSUCHRUN', ...state])).exit, 2)
  })

  it('on a pipe news are plain lines on standard error, the result is alone on standard output, and nothing is coloured', async () => {
    const { exit, stdout, stderr } = await type(['run', '--watch', '-s', 'nova_analysis', ...state], {
      env: { CI: 'true', FORCE_COLOR: '' },
    })
    assert.equal(exit, 0, stderr)
    assert.match(stderr, /^Run \w{26}: 1 entry \(nova_analysis\)\n( *[\d.]+ s {2}nova_analysis: .*\n)+$/)
    assert.match(stdout, /^Run \w{26}\n┌[\s\S]*Total: 1 done in [\d.]+ s\.\n$/)
    assert.ok(!(stdout + stderr).includes(esc))
  })

  it('--json prints one object and nothing else', async () => {
    for (const words of [
      ['run', '--watch', '--test', '-s', 'nova_analysis'],
      ['run', '-s', 'nova_analysis'],
      ['status'],
      ['services'],
    ]) {
      const { exit, stdout, stderr } = await type([...words, '--json', ...state])
      assert.deepEqual([exit, stderr], [0, ''], words.join(' '))
      assert.equal(typeof JSON.parse(stdout), 'object')
      assert.equal(stdout.trim().split('\n').length, 1)
    }
  })

  it('on a narrow terminal one line is rewritten and stays on its line, and tables become lists that fit', async () => {
    const columns = 62
    const { exit, stdout } = await typeOnTerminal(['run', '--watch', '-e', 'mu2e', ...state], { columns })
    assert.equal(exit, 0, stdout)
    const lines = stdout.split(`\r${esc}[K`).join('\r\n').split('\r\n').map(stripVTControlCharacters)
    assert.ok(lines.some((line) => /^\d ready, \d stored, \d pushed, 0 failed {2}mu2e_production/.test(line)))
    for (const line of lines.slice(1)) assert.ok(line.length <= columns, `${line.length}: ${line}`)
    const listed = await typeOnTerminal(['services', ...state], { columns: 80 })
    assert.ok(listed.stdout.includes(`${esc}[1mdune_production${esc}[22m\r\n  account  dunepro, uid 50762`))
  })

  it('NO_COLOR is respected on a terminal', async () => {
    const { stdout } = await typeOnTerminal(['status', ...state], { env: { NO_COLOR: '1' } })
    assert.ok(!stdout.includes(`${esc}[`))
    assert.ok((await typeOnTerminal(['status', ...state])).stdout.includes(`${esc}[32mdone`))
  })

  it('Ctrl-C ends the looking on, not the run, and says how to come back', async () => {
    hold(pipe.site.dir, 'htgettoken:nova_analysis')
    let interrupted = false
    const { exit, stdout } = await typeOnTerminal(['run', '--watch', '-s', 'nova_analysis', ...state], {
      type(shown) {
        if (interrupted || !shown.includes('1 entry')) return undefined
        interrupted = true
        return '\u0003'
      },
    })
    release(pipe.site.dir, 'htgettoken:nova_analysis')
    assert.equal(exit, 130)
    const run = /the run goes on\. Come back with: managed-tokens status --watch --run (\w{26})/.exec(
      stdout,
    )?.[1]
    assert.ok(run, stdout)
    const back = await type(['status', '--watch', '--run', run, ...state])
    assert.equal(back.exit, 0, back.stderr)
    assert.match(back.stdout, /Total: 1 done/)
  })

  it('a run that fails is exit 1, with what failed and what to do', async () => {
    await pipe.site.stopNode('sharedgpvm01.sandbox.test')
    const { exit, stdout } = await type(['run', '--watch', '-s', 'nova_analysis', '--dont-notify', ...state])
    await pipe.site.startNode('sharedgpvm01.sandbox.test')
    assert.equal(exit, 1)
    assert.match(stdout, /failed {2}nova_analysis → sharedgpvm01\S*: .* \[\S+\]\n {8}Check/)
  })

  it('where the daemons do not answer, it says so', async () => {
    assert.ok(pipe.supervisor.kill('notifier', 'SIGSTOP'))
    const { exit, stderr } = await type(['status', ...state])
    assert.ok(pipe.supervisor.kill('notifier', 'SIGCONT'))
    assert.equal(exit, 1)
    assert.match(
      stderr,
      /No answer on managed-tokens\.status in time .* Try again in a moment; "managed-tokens doctor"/,
    )
  })
})
