/** The removing script, run as sshd would run it, in the shells that nodes have. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { readSeen, removalInput } from '../../../../services/distributor/removal/remove-files.ts'
import { eventually } from '../../../support/latch.ts'
import {
  attacker,
  leftOvers,
  type PlaceOptions,
  placeHere,
  scriptHere,
  stickyDirectory,
  tokenFiles,
  victim,
  wrapProgram,
} from '../transport/place-here.ts'

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')
const run = async (files: { path: string; digest: string }[], options: PlaceOptions = {}) => {
  const { results } = await scriptHere((uid) => removalInput(uid, files), { as: victim, ...options })
  return results
}
const put = (path: string, text: string, uid = victim, mode = 0o400) => {
  writeFileSync(path, text, { mode })
  chownSync(path, uid, uid)
  return path
}

describe('removing files from a node', () => {
  for (const shell of ['/bin/sh', '/bin/bash'])
    it(`says what lies there, and removes what has the wanted content (${shell})`, async (t) => {
      const directory = stickyDirectory(t)
      const at = (name: string) => join(directory, name)
      const [ours, theirs, link, folder] = [at('a'), at('b'), at('c'), at('d')]
      put(ours, 'token\n')
      put(theirs, 'token\n', attacker, 0o444)
      symlinkSync(ours, link)
      mkdirSync(folder)
      const paths = [ours, theirs, link, folder, at('none'), '/nowhere/at/all']
      const looked = await run(
        paths.map((path) => ({ path, digest: '-' })),
        { shell },
      )
      const seen = paths.map((_, index) => readSeen(looked.get(index + 1) ?? ''))
      assert.deepEqual(seen[0], { kind: 'file', mode: '400', digest: digestOf('token\n') })
      assert.deepEqual(
        seen.map(({ kind }) => kind),
        ['file', 'other', 'other', 'other', 'absent', 'absent'],
      )

      const wanted = paths.map((path) => ({ path, digest: digestOf('token\n') }))
      const results = await run(wanted.slice(0, 5), { shell })
      assert.equal(results.get(1), 'removed')
      for (const number of [2, 3, 4]) assert.match(results.get(number) ?? '', /^failed .*not permitted/)
      assert.equal(results.get(5), 'absent')
      assert.deepEqual(readdirSync(directory).sort(), ['b', 'c', 'd'])
    })

  it('puts back what is not what it should be', async (t) => {
    const directory = stickyDirectory(t)
    const file = put(join(directory, 'a'), 'new\n')
    assert.deepEqual([...(await run([{ path: file, digest: digestOf('old\n') }]))], [[1, 'changed']])
    assert.equal(readFileSync(file, 'utf8'), 'new\n')
    assert.deepEqual(leftOvers(directory), [])
  })

  it('touches nothing as another account than was meant', async (t) => {
    const directory = stickyDirectory(t)
    const file = put(join(directory, 'a'), 'token\n')
    const results = await run([{ path: file, digest: digestOf('token\n') }], { expected: attacker })
    assert.deepEqual([...results], [[0, `wrong-owner ${victim}`]])
    assert.ok(existsSync(file))
  })

  it('ends a push that is in the middle of its script: nothing of it comes there afterwards', async (t) => {
    const directory = stickyDirectory(t)
    const holds = privateDirectory(t)
    const held = wrapProgram(t, 'mv', `: >${holds}/held; while [ ! -e ${holds}/go ]; do sleep 0.02; done`)
    const files = tokenFiles(directory)
    const pushing = placeHere(files, { as: victim, path: [held] })
    await eventually(async () => existsSync(join(holds, 'held')), 'the push is about to move its files')
    await run(files.map(({ path }) => ({ path, digest: '-' })))
    writeFileSync(join(holds, 'go'), '')
    const { results } = await pushing
    assert.ok(
      [1, 2].every((number) => results.get(number) !== 'ok'),
      [...results].join(),
    )
    assert.deepEqual(readdirSync(directory), [])
  })
})

/** Where the account may leave a mark. */
function privateDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'mt-held-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  chownSync(directory, victim, victim)
  return directory
}
