/** What is decided about a package before one is built: options, its number, what is left out. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { describePackage } from '../../deploy/package/nfpm-config.ts'
import { isNeeded, productionPackages } from '../../deploy/package/node-modules.ts'
import { type Options, readOptions } from '../../deploy/package/options.ts'
import { nameRelease } from '../../deploy/package/release.ts'
import { makeDirectory } from '../support/pipeline.ts'

const root = new URL('../..', import.meta.url).pathname

describe('what is typed', () => {
  const plain: Options = { kind: 'deb', output: '.', number: undefined, signing: undefined }
  const good: Readonly<Record<string, Partial<Options>>> = {
    deb: {},
    'rpm --output /tmp/x': { kind: 'rpm', output: '/tmp/x' },
    'deb --release 7': { number: '7' },
    'deb --key k': { signing: { key: 'k', passphraseFile: undefined } },
    'deb --key k --passphrase-file p': { signing: { key: 'k', passphraseFile: 'p' } },
  }
  for (const [words, differs] of Object.entries(good))
    it(`is understood: ${words}`, () =>
      assert.deepEqual(readOptions(words.split(' ')), { ...plain, ...differs }))

  for (const words of [
    '',
    'apk',
    'deb rpm',
    'deb --release 0',
    'deb --release 1.2',
    'deb --passphrase-file p',
    'deb --x',
  ])
    it(`is refused: ${words}`, () =>
      assert.throws(() => readOptions(words.split(' ').filter(Boolean)), { name: 'GiveUp', exitCode: 2 }))
})

describe('a release', () => {
  it('has the number that orders it first, then its commit', () =>
    assert.equal(nameRelease('690', '1a2b3c4d5e6f7a8b9c0d', false), '690.g1a2b3c4d5e6f'))
  it('says that it is not its commit alone', () =>
    assert.match(nameRelease('1', '1a2b3c4d5e6f7a8b9c0d', true), /\.changed$/))
})

describe('of npm packages', () => {
  const needed: Readonly<Record<string, boolean>> = {
    'node_modules/zod/index.js': true,
    'node_modules/zod/index.d.ts': false,
    'node_modules/zod/src/index.ts': false,
    'node_modules/zod/index.d.cts': false,
    'node_modules/pino/lib/transport.js.map': false,
    'node_modules/pino/README.md': false,
    'node_modules/pino/LICENSE': true,
    'node_modules/pino/LICENSE.md': true,
    'node_modules/pino/test/basic.test.js': false,
    'node_modules/pino/lib/test.js': true,
    'node_modules/fastify/.npmrc': false,
    'node_modules/@opentelemetry/api/build/src/index.js': true,
    'node_modules/@opentelemetry/api/build/esm/index.js': false,
    'node_modules/a/node_modules/b/docs.js': true,
  }
  for (const [path, is] of Object.entries(needed))
    it(`${path} is ${is ? 'packed' : 'left out'}`, () => assert.equal(isNeeded(path), is))

  it('those for development are left out', () => {
    const names = productionPackages(root)
    assert.ok(names.includes('node_modules/zod'))
    assert.ok(!names.includes('node_modules/typescript'))
  })
})

describe('the description for nfpm', () => {
  const release = { version: '0.2.0', release: '7.gabc', commit: 'abc', dateSeconds: 0, changed: false }
  const describe = async (kind: 'deb' | 'rpm', key?: string) => {
    await using scratch = await makeDirectory()
    const signing = key === undefined ? undefined : { key, passphraseFile: undefined }
    const directory = scratch.path
    return parse(describePackage({ root, kind, directory, files: directory, release, arch: 'x64', signing }))
  }

  it('keeps what a site has changed in its configuration', async () => {
    const { contents } = await describe('rpm')
    const kept = contents.filter(({ type }: { type?: string }) => type === 'config|noreplace')
    assert.deepEqual(
      kept.map(({ dst }: { dst: string }) => dst),
      ['/etc/logrotate.d/managed-tokens-daemons', '/etc/managed-tokens/managedTokens.yml'],
    )
  })

  it('names a key only where one is given', async () => {
    assert.equal((await describe('deb')).deb.signature, undefined)
    assert.deepEqual((await describe('deb', '/k')).deb.signature, { key_file: '/k' })
    assert.deepEqual((await describe('rpm', '/k')).rpm.signature, { key_file: '/k' })
  })
})
