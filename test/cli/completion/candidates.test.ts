/** What may be typed next, on every place of a command line. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Command, Option } from 'commander'
import { answer } from '../../../cli/completion/answer.ts'
import { findCandidates } from '../../../cli/completion/candidates.ts'
import { namesIn } from '../../../cli/completion/configured-names.ts'
import { makeProgram } from '../../../cli/program.ts'

const names = {
  experiments: ['dune', 'mu2e'],
  services: ['dune_analysis', 'dune_production', 'mu2e_production'],
  nodes: ['node1.example'],
}

/** Words, with the names of a configuration, and which file that was. */
function candidatesFor(words: readonly string[], program = makeProgram()) {
  let config: string | undefined
  const found = findCandidates(program, words, (file) => {
    config = file
    return names
  })
  return { found: typeof found === 'string' ? found : found.map(({ word }) => word), config }
}

const cases: Readonly<Record<string, readonly [typed: string, next: string]>> = {
  'the commands': ['st', 'status'],
  'all commands that begin so': ['ru', 'run runs'],
  'the commands of a command': ['bus ', 'upgrade help'],
  'nothing below a command that is none': ['nonsense x', ''],
  'options of the command': ['run --wa', '--watch'],
  'options of the whole program': ['--v', '--version'],
  'help for a command as well': ['run --he', '--help'],
  'a service where an option wants one': ['run -s du', 'dune_analysis dune_production'],
  'a service behind other options': ['run -w --test --service mu', 'mu2e_production'],
  'a service in the word of its option': ['run --service=dune_p', '--service=dune_production'],
  'a service behind letters of several options': ['run -ws mu', 'mu2e_production'],
  'a service where the command wants one': ['explain mu', 'mu2e_production'],
  'a service by another name of the command': ['config explain mu', 'mu2e_production'],
  'nothing behind the one service': ['explain mu2e_production du', ''],
  'one more service where it takes several': [
    'revoke --reason x dune_analysis du',
    'dune_analysis dune_production',
  ],
  'a service behind --': ['explain -- mu', 'mu2e_production'],
  'an experiment': ['run -e m', 'mu2e'],
  'an experiment for people': ['notify test --experiment ', 'dune mu2e'],
  'a node': ['history dune_production --node ', 'node1.example'],
  'what an argument may be': ['completion ', 'bash zsh'],
  'files for a configuration': ['run -c ', 'files'],
  'files in the word of the option': ['run --config=/et', 'files'],
  'files for an argument': ['config check ', 'files'],
  'directories for the state': ['up --state /va', 'directories'],
  'nothing for a text': ['revoke --reason le', ''],
  'nothing for an id of a run': ['status --run 01', ''],
  'options where there is nothing else': ['keys ', makeOptions('keys')],
}

function makeOptions(name: string): string {
  const command = makeProgram().commands.find((one) => one.name() === name) ?? new Command()
  return [...command.options.map(({ long }) => long), '--help'].join(' ')
}

describe('completion', () => {
  for (const [sentence, [typed, next]] of Object.entries(cases))
    it(`offers ${sentence}: ${typed}`, () => {
      const { found } = candidatesFor(typed.split(' '))
      assert.equal(typeof found === 'string' ? found : found.join(' '), next)
    })

  it('offers what an option may be', () => {
    const program = new Command()
    program.command('package').addOption(new Option('--kind <KIND>').choices(['rpm', 'deb']))
    assert.deepEqual(candidatesFor(['package', '--kind', 'r'], program).found, ['rpm'])
    assert.deepEqual(candidatesFor(['package', '--kind='], program).found, ['--kind=rpm', '--kind=deb'])
  })

  it('reads the configuration that was typed, wherever it stands before', () => {
    for (const words of [
      ['run', '-c', 'x.yml', '-s', ''],
      ['run', '-cx.yml', '-s', ''],
      ['run', '--config=x.yml', '-s', ''],
      ['run', '--config', 'x.yml', '--service='],
      ['run', '-wc', 'x.yml', '-s', ''],
    ])
      assert.equal(candidatesFor(words).config, 'x.yml', words.join(' '))
    assert.equal(candidatesFor(['run', '-s', '']).config, undefined)
  })

  it('knows every command and every option that the help shows', () => {
    const walk = (command: Command, path: readonly string[]): void => {
      const help = command.createHelp()
      const options = help.visibleOptions(command).map(({ long }) => long)
      assert.deepEqual(candidatesFor([...path, '--']).found, options, path.join(' '))
      for (const child of help.visibleCommands(command)) {
        assert.ok(candidatesFor([...path, '']).found.includes(child.name()), child.name())
        if (child.name() !== 'help') walk(child, [...path, child.name()])
      }
    }
    walk(makeProgram(), [])
  })

  it('says nothing of itself in the help', () => {
    assert.doesNotMatch(makeProgram().helpInformation(), /^ +complete /m)
  })
})

describe('the names of a configuration', () => {
  it('are in lower case, each once', () => {
    const roles = {
      Production: { destinationNodes: 'a.example, b.example' },
      x: { DestinationNodes: ['a.example'] },
    }
    assert.deepEqual(namesIn({ EXPERIMENTS: { DUNE: { roles } } }), {
      experiments: ['dune'],
      services: ['dune_production', 'dune_x'],
      nodes: ['a.example', 'b.example'],
    })
  })

  it('are none that a shell would read something into', () => {
    for (const name of [
      '$(id)',
      '`id`',
      'a;b',
      '-o',
      '~',
      '*',
      "a'b",
      'a"b',
      'a\\b',
      'a\u001bb',
      'a b',
      'a\nb',
      '',
    ]) {
      const roles = { r: { destinationNodes: [name.replace(/\s/g, '')] } }
      const { experiments, services } = namesIn({ experiments: { [name]: { roles } } })
      assert.deepEqual([experiments, services], [[], []], name)
      assert.deepEqual(namesIn({ experiments: { a: { roles: { [name]: {} } } } }).services, [], name)
      if (!/\s/.test(name)) assert.deepEqual(namesIn({ experiments: { a: { roles } } }).nodes, [], name)
    }
  })

  it('are none where the file says something else', () => {
    const nothing = { experiments: [], services: [], nodes: [] }
    for (const file of [null, undefined, 'x', 3, [], {}, { experiments: 'x' }, { experiments: { a: null } }])
      assert.deepEqual(namesIn(file), nothing)
  })
})

describe('what a shell is answered', () => {
  const ask = (...words: string[]) => answer(makeProgram(), ['managed-tokens', ...words])

  it('is the rest of a word that bash takes apart', () => {
    assert.equal(ask('up', '--wrong', '=', ''), '')
    assert.match(ask('status', '--nats', 'nats', ':', '//h', ':', '4222', '--wa'), /^--watch\t/)
    assert.equal(ask('run', '--config', '=', '/etc'), ':files\n')
  })

  it('is nothing where the configuration is missing or wrong', () => {
    assert.equal(ask('run', '-c', '/nonexistent/x.yml', '-s', ''), '')
    assert.equal(ask('run', '-c', '/dev/null', '-s', ''), '')
    assert.equal(ask('run', '-c', '/', '-s', ''), '')
  })
})
