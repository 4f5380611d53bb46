import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as grammar from '../../../../shared/config/schema/grammar.ts'

const schemas = { ...grammar }

const table = {
  hostName: {
    good: [
      'node1',
      'node1.fnal.gov',
      '127.0.0.1',
      'a-b.c-d',
      'dune_gpvm01.fnal.gov',
      'x'.repeat(63),
      'node1.fnal.gov.',
    ],
    bad: [
      '',
      '-oProxyCommand=x',
      'a b',
      'a.',
      '.a',
      'a..b',
      'tschüß',
      'a"b',
      "a'b",
      'a\nb',
      '256.1.1.1',
      '1.2.3',
      '01.2.3.4',
      'a-',
      'x'.repeat(64),
      'a/b',
      'a:22',
      '$(id)',
    ],
  },
  creddName: {
    good: ['c.lab.example', 'crab3@schedd19.example.org', 'a_b-1.2+3@c', 'c.lab.example:9620', 'a@c:9620'],
    bad: ['', '@c', 'a@', 'a@b@c', '-a@c', '.a@c', '../x@c', 'a/b@c', 'a b@c', 'c:0', 'undefined', 'Error'],
  },
  collectorHost: {
    good: ['c.lab.example', 'c.lab.example:9618', 'c.lab.example:9618?sock=collector'],
    bad: ['c:0', 'c:65536', 'c:1:2', '-c', 'c?a b', 'c?a?b', '<1.2.3.4:9618>'],
  },
  vaultServer: {
    good: [
      'vault.lab.example',
      'vault.lab.example:8200',
      'https://vault.lab.example',
      'https://vault.lab.example:8200',
    ],
    bad: ['http://vault.lab.example', 'https://', 'vault/x', '-a', 'https://user@vault', 'https://vault/v1'],
  },
  accountName: {
    good: ['dunepro', 'dune_pro', 'dune-pro', '_robot', 'a.b', '3dst'],
    bad: ['', '-l', '.x', 'a b', 'a/b', 'a..b', '123', 'a@b', 'ö', 'a;b', 'x'.repeat(33)],
  },
  roleName: { good: ['production', 'Analysis', 'x1'], bad: ['', 'a_b', 'a-b', 'a b', 'é'] },
  experimentName: {
    good: ['dune', 'dune-2', 'a_b', 'a.b', '1x'],
    bad: ['', '-x', 'x-', 'a..b', 'a b', 'a/b', '_x'],
  },
  realExperimentName: { good: ['dune', 'dune-2'], bad: ['a_b', 'dune_'] },
  serviceName: {
    good: ['dune_production', 'a_b_c'],
    bad: ['dune', '_production', 'dune_', 'dune_a-b', '-x_y'],
  },
  absolutePath: {
    good: ['/', '/a/b.c', '/tmp/vt_u1-dune_production', '/a/..b'],
    bad: ['', 'a', '/a/../b', '/..', '/a b', '/a\nb', '/a$b', '/a"b', '-/a', '~/a', '/ä', '/a;b', '/a`b'],
  },
  programPath: {
    good: ['ssh', 'condor_vault_storer', '/usr/bin/ssh'],
    bad: ['', '-x', './ssh', 'bin/ssh', 'a b', '../ssh', '/usr/bin/'],
  },
  principal: {
    good: ['dunepro', 'dunepro/managedtokens/host.fnal.gov@FNAL.GOV', 'principal_pattern'],
    bad: ['', '-k', '@X', 'a@', 'a b@X', 'a/@X', 'a@b@c', '/a'],
  },
  emailAddress: {
    good: ['a@b.c', "o'neil+x@lab.example", 'root@localhost', 'A <a@b>', '"Ops, DUNE" <a@b>', 'a@b (Ops)'],
    bad: [
      '',
      'a',
      '@b',
      'a@',
      'a@b\nBcc: c@d',
      'a@b,c@d',
      '-a@b',
      'A <a@b> <c@d>',
      'A <-a@b>',
      'A: a@b;',
      'A <a@b',
    ],
  },
  filePath: { good: ['path/to/certificates', '/etc/x'], bad: ['', '-x', 'a\nb', '../x'] },
  commandWords: { good: ['', '-o A=b', `-o "A b" 'c d'`], bad: ['a "b', 'a\nb', "it's"] },
} as const satisfies Partial<
  Record<keyof typeof grammar, { good: readonly string[]; bad: readonly string[] }>
>

for (const [name, { good, bad }] of Object.entries(table)) {
  const schema = schemas[name as keyof typeof table]
  test(`${name} takes what it should`, () => {
    for (const text of good) assert.ok(schema.safeParse(text).success, JSON.stringify(text))
  })
  test(`${name} refuses the rest, in one line that says what was expected`, () => {
    for (const text of bad) {
      const { error } = schema.safeParse(text)
      assert.ok(error, JSON.stringify(text))
      assert.match(error.issues[0]?.message ?? '', /^".*" is not an? .+$|^".*" is not words/)
    }
  })
}

// Text that looks like a name with something hostile in it: pure noise alone would hardly ever get past the first character.
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a',
        '1',
        '.',
        '-',
        '_',
        '/',
        '..',
        '@',
        ':',
        '%',
        '\\',
        '$',
        '`',
        '"',
        "'",
        ' ',
        '\n',
        '\t',
        '\0',
        ';',
        '|',
        '&',
        '<',
        '>',
        '(',
        '*',
        '?',
        '#',
        '!',
        '{',
        'é',
        '\u202e',
        '\u00a0',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))
const guarded = [
  'hostName',
  'creddName',
  'accountName',
  'absolutePath',
  'programPath',
  'roleName',
  'experimentName',
  'principal',
  'vaultServer',
  'credkey',
] as const

/** The same for all: to make them takes longer than to judge them. */
const tenThousand = fc.sample(hostile, 10_000)

for (const name of guarded) {
  test(`of 10,000 hostile texts, no ${name} starts with "-" or holds a blank, a shell or a control character`, () => {
    let taken = 0
    for (const text of tenThousand) {
      if (!schemas[name].safeParse(text).success) continue
      taken++
      assert.doesNotMatch(text, /^-|[^\x21-\x7e]|[\s"'`\\;|&<>()*?#!{}]/)
      // The one shell character a principal may hold; it never reaches a shell.
      if (name !== 'principal' && name !== 'credkey') assert.doesNotMatch(text, /\$/)
      assert.ok(!text.split('/').includes('..'))
    }
    assert.ok(taken > 0, 'nothing was taken at all: the generator proves nothing')
  })
}

test('what is quoted in a message stays one short line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const quoted = grammar.quote(text)
      assert.doesNotMatch(quoted, /[\p{Cc}\p{Cf}\u2028\u2029]/u)
      assert.ok(quoted.length <= 80)
    }),
  )
})
