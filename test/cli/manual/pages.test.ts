/** The manual pages say all that `--help` and the schema of the configuration say, and nothing of it is a request to roff. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Command } from 'commander'
import { commandPage } from '../../../cli/manual/command-page.ts'
import { configurationPage, smallest } from '../../../cli/manual/configuration-page.ts'
import { directories, environment } from '../../../cli/manual/surroundings.ts'
import { makeProgram } from '../../../cli/program.ts'
import manifest from '../../../package.json' with { type: 'json' }
import { loadSiteFrom } from '../../../shared/config/load.ts'
import { siteJsonSchema } from '../../../shared/config/schema/json-schema.ts'
import { noEnvironment } from '../../shared/config/site-text.ts'

const root = join(import.meta.dirname, '../../..')
const around = { version: '1.2.3', date: '2026-11-30', environment: {}, files: {} }

/** A page as a reader sees it, its words with single blanks between them. */
const readable = (page: string) =>
  page
    .replaceAll(/^\.(TP|PP|nf|fi|RS.*|RE|nh|ad.*)$/gm, '')
    .replaceAll(/^\.S[HS] "(.*)"$/gm, '$1')
    .replaceAll(/\\f[BIR]/g, '')
    .replaceAll(/\\\[u([0-9A-F]+)\]/g, (_whole, hex: string) =>
      String.fromCodePoint(Number.parseInt(hex, 16)),
    )
    .replaceAll(/\\\((aq|ga|ha|ti|dq)/g, (_whole, name: string) => letters[name] ?? '')
    .replaceAll('\\&', '')
    .replaceAll('\\-', '-')
    .replaceAll('\\e', '\\')
    .replaceAll(/\s+/g, ' ')
const letters: Readonly<Record<string, string>> = { aq: "'", ga: '`', ha: '^', ti: '~', dq: '"' }

const inPage = (words: string) => words.replaceAll('`', '').replaceAll(/\s+/g, ' ').trim()

function* commandsBelow(
  command: Command,
  path: readonly string[],
): Generator<{ command: Command; path: readonly string[] }> {
  for (const child of command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help')) {
    const here = [...path, child.name()]
    if (child.commands.length === 0) yield { command: child, path: here }
    yield* commandsBelow(child, here)
  }
}

describe('managed-tokens(1)', () => {
  const program = makeProgram()
  const page = commandPage(program, around)
  const words = readable(page)

  for (const { command, path } of commandsBelow(program, ['managed-tokens']))
    it(`has ${path.join(' ')}, with all that its help says`, () => {
      const [, after = ''] = words.split(`${inPage(`${path.join(' ')} ${command.usage()}`)} `)
      assert.ok(after.includes(inPage(command.description())))
      for (const option of command.options)
        assert.ok(
          after.includes(inPage(`${option.flags} ${command.createHelp().optionDescription(option)}`)),
          option.flags,
        )
      let help = ''
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
      const [, texts = ''] = help.split('Examples:\n')
      assert.ok(texts.length > 20)
      for (const line of texts.split('\n')) assert.ok(after.includes(inPage(line)), line)
    })

  it('has the variables of docs/configuration.md', () => {
    const [, table = ''] = readFileSync(join(root, 'docs/configuration.md'), 'utf8').split('## Environment')
    const names = [...(table.split('###')[0] ?? '').matchAll(/`([A-Z_a-z*]{4,})`/g)].map(
      ([, name = '']) => name,
    )
    const known = Object.keys(environment).join(', ').split(', ')
    assert.ok(names.length > 10)
    for (const name of names.filter(
      (one) => one !== 'logfile' && !one.startsWith('devE') && !one.startsWith('--'),
    ))
      assert.ok(known.includes(name), name)
  })

  it('takes no text for a request', () => {
    const hostile = new Command('x').description('.SH y\n\'br z \\fB \\n[.x] "a" `b')
    hostile
      .command('run')
      .description('.nx /etc/passwd')
      .addHelpText('after', "\nExamples:\n  .so x\n  'so x\n\n.ig\n")
    const lines = commandPage(hostile, around).split('\n')
    const requests = lines.filter(
      (line) => /^[.']/.test(line) && !/^\.(TH|SH|SS|TP|PP|nf|fi|RS|RE|nh|ad)\b/.test(line),
    )
    assert.deepEqual(requests, [])
    assert.ok(!lines.includes('.SH y') && lines.includes('\\&.so x'))
  })
})

describe('managedTokens.yml(5)', () => {
  const schema = siteJsonSchema()
  const page = configurationPage(schema, { ...around, directories })
  const parts = new Map(
    page
      .split(/^\.S[SH] /m)
      .map((text) => [text.split('\n')[0]?.replaceAll(/"|\\\(dq/g, '') ?? '', readable(text)]),
  )

  it('has every key with its meaning', () => {
    let keys = 0
    const look = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      const { properties = {} } = node as { properties?: Readonly<Record<string, { description?: string }>> }
      for (const [key, { description }] of Object.entries(properties)) {
        keys += 1
        assert.ok(description, `${key} has a meaning`)
        const wanted = ` ${key} ${inPage(description)}`
        assert.ok(
          [...parts.values()].some((one) => one.includes(wanted)),
          wanted,
        )
      }
      Object.values(node).forEach(look)
    }
    look(schema)
    assert.ok(keys > 150)
  })

  it('has keys where they stand, those of lists and of names of the site’s own too', () => {
    for (const [parent, key] of [
      ['KEYS AT THE TOP', 'keytabPath'],
      ['timeouts', 'pushTimeout'],
      ['experiments.<experiment>', 'emails'],
      ['experiments.<experiment>.roles.<role>', 'account'],
      ['experiments.<experiment>.roles.<role>.deliver.bearer', 'scopes'],
      ['issuers.<name>', 'clientId'],
    ] as const)
      assert.ok(parts.get(parent)?.includes(` ${key} `), `${parent}: ${key}`)
  })

  it('says defaults and what may be written', () => {
    assert.match(parts.get('timeouts') ?? '', / pushTimeout One push to one node\. Default: 30s\./)
    assert.match(parts.get('storer') ?? '', / method .* Value: script, direct\. Default: script\./)
    assert.match(parts.get('distributor') ?? '', / concurrency [^.]*\. Value: 1 to 256\. Default: 16\./)
  })

  it('has an example that is right', () => {
    const { site } = loadSiteFrom('example.yml', Buffer.from(smallest), noEnvironment)
    assert.deepEqual(
      site.entries.map(({ name }) => name),
      ['dune_production'],
    )
  })
})

describe('cli/manual/main.ts', () => {
  let directory: string
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'mt-manual-'))
  })
  after(() => rmSync(directory, { recursive: true }))
  const write = (to: string) => {
    execFileSync(process.execPath, [join(root, 'cli/manual/main.ts'), to])
    return readdirSync(to).map((name) => [name, readFileSync(join(to, name), 'utf8')] as const)
  }

  it('writes both pages, of the version and its day, the same each time', () => {
    const pages = write(join(directory, 'one'))
    assert.deepEqual(pages.map(([name]) => name).sort(), ['managed-tokens.1', 'managedTokens.yml.5'])
    for (const [, text] of pages)
      assert.match(
        text,
        new RegExp(`^\\.TH "[^"]+" [15] "\\d{4}-\\d\\d-\\d\\d" "managed\\\\-tokens ${manifest.version}" `),
      )
    assert.deepEqual(write(join(directory, 'two')), pages)
  })
})
