/** Ten thousand random names on their way from the configuration into the words of both transports. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sshWords } from '../../../services/distributor/ssh/ssh-command.ts'
import { filesFor } from '../../../services/distributor/token/files.ts'
import { copyWords, lookWords, ownerWords } from '../../../services/distributor/transport/rsync-command.ts'
import { sshScript, stagedDirectories } from '../../../services/distributor/transport/stage-files.ts'
import { readEnvironment } from '../../../shared/config/environment.ts'
import { loadSiteFrom } from '../../../shared/config/load.ts'
import { ConfigError } from '../../../shared/config/read/problem.ts'
import { readSshWords, strayForRsync } from '../../../shared/config/schema/option-words.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { siteOf } from '../build.ts'

/** The same names each time. */
const seed = 61_234

/** Texts near the grammar's edge: most made of the characters of names, the others of those that would do harm. */
const nameLike = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{1,12}[a-z]$/) },
  fc.stringMatching(/^-{0,2}[A-Za-z0-9_. =@'"$`;|&\n-]{1,30}$/),
  fc.constantFrom(
    '-oProxyCommand=x',
    '--',
    '-l',
    'a b',
    'a@b',
    '..',
    'root\n-oX=y',
    '$(id)',
    '-',
    '::1',
    'ü',
  ),
)
const pathLike = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^(\/[A-Za-z0-9._@%+=:,~-]{1,12}){1,3}$/) },
  fc.stringMatching(/^\/?[A-Za-z0-9./ :~'"$`;|&\n-]{1,30}$/),
  fc.constantFrom(
    '-x',
    '/tmp/../etc',
    '/tmp/$(id)',
    '/a b',
    '/tmp/',
    'host:/tmp',
    '/tmp/{{.Account}}',
    '/~x',
  ),
)
const role = fc.record({ account: nameLike, node: nameLike, directory: pathLike, roleFile: pathLike })
type Role = typeof role extends fc.Arbitrary<infer T> ? T : never

const fileOf = (roles: ReadonlyMap<string, Role>) =>
  JSON.stringify(
    {
      keytabPath: '/srv/keytabs',
      kerberosPrincipalPattern: 'robot@LAB.EXAMPLE',
      condorCollectorHost: 'collector.lab.example',
      experiments: {
        dune: {
          emails: ['dune@lab.example'],
          roles: Object.fromEntries(
            [...roles].map(([name, { account, node, directory, roleFile }]) => [
              name,
              {
                ...{ account, destinationNodes: [node], tokenDirectoryOverride: directory },
                ...{ defaultRoleFileDestinationTemplateOverride: roleFile, desiredUIDOverride: 61_234 },
              },
            ]),
          ),
        },
      },
    },
    null,
    1,
  )

/** Loads the roles in one file; those that are refused, each at its place, are left out of a second one. */
function loadAccepted(roles: readonly Role[]): { entries: readonly Entry[]; refused: number } {
  const named = new Map(roles.map((one, index) => [`r${index}`, one]))
  try {
    loadSiteFrom('sites.json', Buffer.from(fileOf(named)), readEnvironment({}))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const { line, path } of error.problems) {
      assert.ok(line > 10, 'the problem has its line')
      named.delete(/roles\.(r\d+)/.exec(path)?.[1] ?? '')
    }
  }
  const { site } = loadSiteFrom('sites.json', Buffer.from(fileOf(named)), readEnvironment({}))
  return { entries: site.entries, refused: roles.length - named.size }
}

/** Nothing that a shell would do more with than take it as it is. */
const plain = /^[A-Za-z0-9._@%+=:,~/-]+$/

function assertHarmless(entry: Entry): void {
  const node = entry.nodes[0] ?? ''
  for (const name of [node, entry.account]) assert.match(name, /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
  const words = sshWords(entry, { connectMs: 30_000 })
  assert.equal(words.at(-1), '--', 'what follows is the node, whatever it looks like')
  assert.equal(words.indexOf('--'), words.length - 1)
  assert.equal(words[words.indexOf('-l') + 1], entry.account)

  const files = filesFor(entry, 61_234, { token: 'content', bearers: [] })
  for (const { path } of files) assert.match(path, /^\//)
  for (const directory of stagedDirectories(files))
    for (const list of [
      copyWords({ entry, node }, directory, 30_000),
      lookWords({ node }, directory, 30_000),
      ownerWords({ node }, [directory], 30_000),
    ]) {
      const end = list.indexOf('--')
      for (const word of list.slice(0, end)) assert.match(word, /^--/)
      for (const word of list.slice(end + 1)) {
        assert.match(word, plain)
        // With a colon before the first slash, rsync would take it for a host.
        assert.ok(word.startsWith('./') || word.startsWith(`${node}:/`), word)
      }
    }
}

describe('10,000 random accounts, nodes and paths', () => {
  it('are refused in their line, or are no option and no shell word in either transport', () => {
    const batches = fc.sample(fc.array(role, { minLength: 500, maxLength: 500 }), { numRuns: 20, seed })
    let [accepted, refused] = [0, 0]
    for (const roles of batches) {
      const loaded = loadAccepted(roles)
      accepted += loaded.entries.length
      refused += loaded.refused
      for (const entry of loaded.entries) assertHarmless(entry)
    }
    assert.equal(accepted + refused, 10_000)
    assert.ok(accepted > 500 && refused > 500, `${accepted} accepted, ${refused} refused`)
  })
})

describe('the operator’s own words', () => {
  const words = fc.array(fc.stringMatching(/^[ -~]{1,20}$/), { minLength: 1, maxLength: 8 })

  it('reach ssh one by one through the script that rsync starts, whatever they are', () => {
    for (const sshOptions of fc.sample(words, { numRuns: 30, seed })) {
      const entry = { account: 'dunepro', sshOptions } as unknown as Entry
      const means = { ssh: 'ssh', connectMs: 30_000 }
      const script = sshScript({ entry }, means).replace(/^exec 'setpriv'/, "exec printf '%s\\n'")
      const said = execFileSync('/bin/sh', ['-c', script, 'sh', 'node', 'rsync'], { encoding: 'utf8' })
      const expected = ['--pdeathsig', 'KILL', '--', 'ssh', ...sshWords(entry, means), 'node', 'rsync', '']
      assert.deepEqual(said.split('\n'), expected)
    }
  })

  const forSsh: Record<string, [string[], string[], string[]]> = {
    'options with their values': [
      ['-p', '22', '-oBatchMode=yes', '-4', '-vvp', '22'],
      ['-p', '22', '-oBatchMode=yes', '-4', '-vvp', '22'],
      [],
    ],
    'a setting without -o': [['BatchMode=yes', '-4'], ['-o', 'BatchMode=yes', '-4'], []],
    'a setting that is the value of -o already': [['-o', 'BatchMode=yes'], ['-o', 'BatchMode=yes'], []],
    'a host': [['other.lab.example'], [], ['other.lab.example']],
    'a host behind an option': [['-4', 'other.lab.example'], ['-4'], ['other.lab.example']],
    'the end of the options': [['--', 'x'], [], ['--', 'x']],
    'a long option': [['--ConnectTimeout=5'], [], ['--ConnectTimeout=5']],
    'an option without its value': [['-4', '-o'], ['-4'], ['-o']],
    'a dash alone': [['-'], [], ['-']],
    'an empty word': [[''], [], ['']],
    'a setting without a name': [['=x', '-4'], ['-4'], ['=x']],
  }
  for (const [what, [list, taken, stray]] of Object.entries(forSsh))
    it(`${what}: ${stray.length === 0 ? 'passes' : 'is left out'} for ssh`, () =>
      assert.deepEqual(readSshWords(list), { words: taken, stray }))

  it('for ssh are options and their values, whatever the file holds', () => {
    fc.assert(
      fc.property(words, (list) => {
        const taken = readSshWords(list).words
        assert.deepEqual(readSshWords(taken), { words: taken, stray: [] })
        assert.equal(taken[0]?.startsWith('-') ?? true, true)
      }),
      { seed },
    )
  })

  it('may hold no bare word for rsync, which would take it for a file', () => {
    assert.equal(strayForRsync(['--perms', '--chmod=u=r,go=', '-z']), undefined)
    for (const bare of ['host:/x', '-', '--', '', '/etc/passwd'])
      assert.equal(strayForRsync(['--perms', bare]), bare)
  })

  it('are refused at their place in the file', () => {
    const refusal = (extra: string, message: RegExp) =>
      assert.throws(
        () => siteOf(extra),
        ({ problems }: ConfigError) => {
          assert.match(problems.map((one) => `${one.line}: ${one.message}`).join('\n'), message)
          return true
        },
      )
    assert.deepEqual(siteOf('sshOptions: -4 other.example').entries[0]?.sshOptions, ['-4'])
    refusal(
      'distributor: { transport: rsync }\nfileCopierOptions: --perms /x',
      /^5: fileCopierOptions: "\/x" is not an option/,
    )
    assert.equal(siteOf('fileCopierOptions: --perms /x').entries.length, 2, 'unused, it harms nobody')
  })
})
