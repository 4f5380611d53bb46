/** What was typed and cannot be meant: refused with the next step and exit code 2, for programs as JSON. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Command } from 'commander'
import { refusePredecessorsFlags } from '../../cli/arguments/predecessor-flags.ts'
import { refuseEmpty } from '../../cli/arguments/refuse-empty.ts'
import { refuseOddServers } from '../../cli/bus/connection.ts'
import { runCountsImport } from '../../cli/counts-import.ts'
import { describeError } from '../../cli/terminal/report-error.ts'
import { runUidsImport } from '../../cli/uids-import.ts'

/** A command line like ours, with what its parsing throws. */
async function parse(...words: string[]): Promise<unknown> {
  const program = new Command('managed-tokens')
    .exitOverride()
    .configureOutput({ writeErr() {} })
    .hook('preAction', (_program, command) => refuseEmpty(command))
  program
    .command('run')
    .option('-e, --experiment <NAME>')
    .option('-s, --service <NAME>', '', (value: string, before: string[] = []) => [...before, value])
    .option('--no-push')
    .action(() => {})
  program
    .command('onboard <SERVICE>')
    .option('--again', '', false)
    .action(() => {})
  return program.parseAsync(words, { from: 'user' }).then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('a word that is empty', () => {
  for (const [words, named] of [
    [['run', '-e', ''], '-e, --experiment <NAME>'],
    [['run', '--experiment='], '-e, --experiment <NAME>'],
    [['run', '-e', ' '], '-e, --experiment <NAME>'],
    [['run', '-s', 'dune_production', '-s', ''], '-s, --service <NAME>'],
    [['onboard', ''], 'SERVICE'],
  ] as const)
    it(`is wrong use, not the same as none: ${JSON.stringify(words)}`, async () => {
      assert.deepEqual(describeError(await parse(...words)), {
        code: 'wrong-use',
        message: `${named} is given, but empty: is a shell variable not set? Name one, or leave it out.`,
        exitCode: 2,
      })
    })

  it('is another thing than a word that is left out', async () => {
    for (const words of [['run'], ['run', '--no-push', '-s', 'dune_production'], ['onboard', 'x']])
      assert.equal(await parse(...words), undefined)
  })
})

describe('what cannot be parsed', () => {
  for (const [words, message] of [
    [['run', '--psh'], /^unknown option '--psh'/],
    [['onboard'], "missing required argument 'SERVICE'"],
    [['rn'], /^unknown command 'rn'\n\(Did you mean run\?\)$/],
    [[], 'Name a command: --help says which there are.'],
  ] as const)
    it(`is wrong use in a sentence of its own: ${JSON.stringify(words)}`, async () => {
      const { code, message: said, exitCode } = describeError(await parse(...words))
      assert.deepEqual([code, exitCode], ['wrong-use', 2])
      if (typeof message === 'string') assert.equal(said, message)
      else assert.match(said, message)
    })
})

it('an address that no NATS server can have is wrong use, and is not repeated: it may hold a password', () => {
  for (const address of ['http://x', 'garbage', '', 'nats://', 'nats://somebody:pw@host:4222'])
    assert.throws(
      () => refuseOddServers(['nats://127.0.0.1:4222', address]),
      (error) => {
        const { message, exitCode } = describeError(error)
        assert.equal(exitCode, 2)
        assert.match(message, /give nats:\/\/HOST:PORT or tls:/)
        assert.doesNotMatch(message, /pw/)
        return true
      },
    )
  refuseOddServers(['nats://127.0.0.1:4222', 'tls://[::1]:4222', 'tls://bus.lab.example'])
})

for (const [what, takeOver] of Object.entries({ uids: runUidsImport, counts: runCountsImport }))
  it(`a file that is not the predecessor’s is wrong use of ${what} import`, async () => {
    for (const file of ['/nonexistent.db', '/etc/passwd'])
      await assert.rejects(takeOver(file, {}), (error) => {
        const { code, message, exitCode } = describeError(error)
        assert.deepEqual([code, exitCode], ['wrong-use', 2])
        assert.ok(message.includes(file))
        return true
      })
  })

describe('a flag of the predecessor’s that is none here', () => {
  const pointers: Record<string, RegExp> = {
    'run -r -s dune_production':
      /^-r was a flag of token-push: .*"managed-tokens onboard dune_production"\.$/,
    'run -rp -s dune_production': /"managed-tokens onboard dune_production --push"/,
    '-s dune_production --run-onboarding --push-tokens': /"managed-tokens onboard dune_production --push"/,
    '-r': /"managed-tokens onboard SERVICE"/,
    '-r -s $(id)': /"managed-tokens onboard SERVICE"/,
    'run -p': /^-p was a flag of token-push: .*"managed-tokens onboard SERVICE --push"/,
    'onboard dune_production -p': /--push/,
    'run -v': /^-v was .*"managed-tokens run --watch"/,
    'run -tv': /^-v was/,
    'status --verbose': /^--verbose was .*one log a daemon/,
    'run --admin me@lab.example': /^--admin was .*notifications\.admin_email/,
    'run --admin=me@lab.example': /^--admin was .*notifications\.admin_email/,
    'run --configfile x.yml': /^--configfile was .*--config FILE/,
    'run --no-loki': /"managed-tokens up --no-loki"/,
    'uids refresh --authmethod jwt': /^--authmethod was a flag of refresh-uids-from-ferry: .*ferry\.hostCert/,
    'uids refresh -t': /no dry run/,
    'uids refresh --dont-notify': /disableNotifications/,
    'refresh-uids-from-ferry': /"managed-tokens uids refresh"/,
    'refresh-uids-from-ferry --authmethod=tls': /ferry\.hostCert/,
    '--authmethod jwt': /^--authmethod was a flag of refresh-uids-from-ferry/,
    'token-push': /"managed-tokens run", with the flags/,
    'token-push -e dune': /"managed-tokens run", with the flags/,
    '-s dune_production': /"managed-tokens run", with -s after it/,
    '--list-services': /"managed-tokens run", with --list-services after it/,
  }
  for (const [words, message] of Object.entries(pointers))
    it(`is wrong use with one sentence that says what it became: ${words}`, () => {
      assert.throws(
        () => refusePredecessorsFlags(words.split(' ')),
        (error) => {
          const said = describeError(error)
          assert.deepEqual([said.code, said.exitCode], ['wrong-use', 2])
          assert.match(said.message, message)
          assert.doesNotMatch(said.message, /[\n$]/)
          return true
        },
      )
    })

  it('is no word that merely has such letters in it', () => {
    for (const words of [
      [],
      ['--version'],
      ['-V'],
      ['--help'],
      ['run', '-s', 'dune_production', '-t', '-w'],
      ['run', '-wsvertex_production'],
      ['run', '-tevip'],
      ['run', '-s', 'x', '--', '-r'],
      ['up', '--no-loki'],
      ['onboard', 'dune_production', '--push'],
      ['status', '--run', '01M'],
      ['uids', 'refresh', '--json'],
    ])
      refusePredecessorsFlags(words)
  })
})
