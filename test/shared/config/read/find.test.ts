import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readEnvironment } from '../../../../shared/config/environment.ts'
import { loadSite } from '../../../../shared/config/load.ts'
import { ConfigNotFound, findConfigFile, searchPath } from '../../../../shared/config/read/find.ts'
import { brief, noEnvironment, siteText, writeSite } from '../site-text.ts'

test("the predecessor's places are searched in its order", () => {
  assert.deepEqual(searchPath(readEnvironment({ HOME: '/home/rex' })), [
    '/etc/managed-tokens',
    '/home/rex/.managed-tokens',
    '.',
  ])
  assert.deepEqual(searchPath(readEnvironment({})), ['/etc/managed-tokens', '.'])
})

test('the file named on the command line wins, be it there or not', () => {
  assert.equal(findConfigFile('/elsewhere/site.yml', []), '/elsewhere/site.yml')
})

test('the first directory wins, and in it YAML before JSON', (t) => {
  const base = dirname(writeSite(t, ''))
  const [first, second] = [join(base, 'first'), join(base, 'second')]
  for (const directory of [first, second]) mkdirSync(directory)
  writeFileSync(join(second, 'managedTokens.yml'), '')
  assert.equal(findConfigFile(undefined, [first, second]), join(second, 'managedTokens.yml'))
  writeFileSync(join(first, 'managedTokens.json'), '')
  assert.equal(findConfigFile(undefined, [first, second]), join(first, 'managedTokens.json'))
  writeFileSync(join(first, 'managedTokens.yaml'), '')
  assert.equal(findConfigFile(undefined, [first, second]), join(first, 'managedTokens.yaml'))
})

test('a directory of that name is not the file', (t) => {
  const directory = dirname(writeSite(t, '', 'other'))
  mkdirSync(join(directory, 'managedTokens.yml'))
  assert.throws(() => findConfigFile(undefined, [directory]), ConfigNotFound)
})

test('where nothing is found, the message says where it was looked for and what to do', () => {
  assert.throws(
    () => findConfigFile(undefined, ['/nowhere/a', '/nowhere/b']),
    (error) =>
      error instanceof ConfigNotFound &&
      error.message ===
        'no configuration found: looked for managedTokens.yml, managedTokens.yaml, managedTokens.json in /nowhere/a, /nowhere/b. Put one there, or name it with --config FILE.',
  )
})

const besides: Record<string, { readonly ours: string; readonly other: string; readonly isTold: boolean }> = {
  'JSON before YAML': { ours: 'managedTokens.yml', other: 'managedTokens.json', isTold: true },
  'JSON before the longer name of YAML': {
    ours: 'managedTokens.yaml',
    other: 'managedTokens.json',
    isTold: true,
  },
  'the longer name of YAML first': { ours: 'managedTokens.yml', other: 'managedTokens.yaml', isTold: true },
  'TOML, which is not read here': { ours: 'managedTokens.yml', other: 'managedTokens.toml', isTold: true },
  'the same file': { ours: 'managedTokens.json', other: 'managedTokens.yml', isTold: false },
  'a file of another name': { ours: 'my.yml', other: 'managedTokens.json', isTold: false },
}
for (const [what, { ours, other, isTold }] of Object.entries(besides))
  test(`where the predecessor reads ${what}, ${isTold ? 'that is said with both names' : 'nothing is said'}`, (t) => {
    const file = writeSite(t, siteText(), ours)
    const beside = join(dirname(file), other)
    writeFileSync(beside, '')
    const expected = `1:1 warning ${file} is read and ${beside} beside it is not, while the predecessor reads ${other} and not ${ours} — expected only one of them, or the same in both`
    assert.deepEqual(loadSite(file, noEnvironment).warnings.map(brief), isTold ? [expected] : [])
  })
