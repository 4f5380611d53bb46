import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { assertUndisclosed, baited, content, plants } from '../hostile.ts'
import {
  attacker,
  leftOvers,
  placeHere,
  stickyDirectory,
  tokenFiles,
  victim,
  wrapProgram,
} from './place-here.ts'

const hourMs = 3_600_000

/** As if it lay there since then. A link itself, not what it leads to. */
function age(path: string, ms: number): void {
  const then = new Date(Date.now() - ms)
  lutimesSync(path, then, then)
}

/** Leaves the private directory of a push that was killed as nobody can help: its path. */
async function abandon(t: TestContext, directory: string): Promise<string> {
  const killed = wrapProgram(t, 'mv', 'kill -KILL $PPID; exit 1')
  const [file] = tokenFiles(directory, content)
  await placeHere([file], { as: victim, path: [killed] })
  const [name, ...others] = leftOvers(directory)
  assert.ok(name && others.length === 0, 'the killed push has left its directory')
  const left = join(directory, name)
  assert.equal(readFileSync(join(left, '1'), 'utf8'), `${content}\n`)
  assert.deepEqual([lstatSync(left).mode & 0o7777, lstatSync(left).uid], [0o700, victim])
  return left
}

/** Somebody's file under a name of ours, as an earlier version left them. */
function leave(directory: string, name: string, owner: number): string {
  const path = join(directory, `.managed-tokens.${name}`)
  writeFileSync(path, 'x\n', { mode: 0o400 })
  chownSync(path, owner, owner)
  return path
}

const shells = { dash: '/bin/dash', 'bash as sh': '/bin/bash --posix', 'busybox sh': '/bin/busybox sh' }

describe('what a killed push has left on a node', () => {
  for (const [name, shell] of Object.entries(shells))
    it(`is removed by a later push to the same directory, in ${name}`, async (t) => {
      const directory = stickyDirectory(t)
      const left = await abandon(t, directory)
      age(left, 1.1 * hourMs)
      const { code, results } = await placeHere(tokenFiles(directory, content), { as: victim, shell })
      assert.deepEqual([code, ...results.values()], [0, 'ok', 'ok'])
      assert.deepEqual(leftOvers(directory), [])
    })

  it('is removed also where the new files cannot be placed, and where the directory is reached by a link', async (t) => {
    const base = stickyDirectory(t)
    const [directory, link] = [join(base, 'real'), join(base, 'link')]
    mkdirSync(directory)
    chmodSync(directory, 0o1777)
    symlinkSync(directory, link)
    age(await abandon(t, directory), 1.1 * hourMs)
    const files = tokenFiles(link, content)
    for (const { path } of files) plants['a directory']?.(path, '')
    const { results } = await placeHere(files, { as: victim })
    for (const result of results.values()) assert.match(result, /^squatted /)
    assert.deepEqual(leftOvers(directory), [])
  })

  it('stays while it may be of a push under way', async (t) => {
    const directory = stickyDirectory(t)
    const left = await abandon(t, directory)
    age(left, 0.9 * hourMs)
    await placeHere(tokenFiles(directory, content), { as: victim })
    assert.ok(existsSync(left))
  })

  it('is told from what others planted under its name: nothing of theirs is removed, followed, or costs a process', async (t) => {
    const directory = stickyDirectory(t)
    // Where it could remove what is theirs.
    chownSync(directory, victim, victim)
    const bait = baited(directory)
    // Of the account's own, under a name that is none of ours.
    const own = join(directory, 'own')
    writeFileSync(own, 'mine\n')
    chownSync(own, victim, victim)
    age(own, 2 * hourMs)
    const planted = Object.values(plants).map((plant, number) => {
      const path = join(directory, `.managed-tokens.${number}`)
      plant(path, bait)
      return path
    })
    const toOwn = join(directory, '.managed-tokens.to-own')
    symlinkSync(own, toOwn)
    lchownSync(toOwn, attacker, attacker)
    const theirs = leave(directory, 'theirs', attacker)
    for (const path of [...planted, toOwn, theirs]) age(path, 2 * hourMs)
    const found = join(directory, '..', 'found')
    const find = wrapProgram(t, 'find', `echo "$@" >>${found}`)
    writeFileSync(found, '')
    chmodSync(found, 0o666)
    const before = leftOvers(directory)
    const { results } = await placeHere(tokenFiles(directory, content), { as: victim, path: [find] })
    assert.deepEqual([...results.values()], ['ok', 'ok'])
    assert.deepEqual(leftOvers(directory), before)
    assert.equal(readFileSync(found, 'utf8'), '')
    // One of our own makes it look, and it still takes that one alone.
    age(leave(directory, 'ours', victim), 2 * hourMs)
    await placeHere(tokenFiles(directory, content), { as: victim, path: [find] })
    assert.deepEqual(leftOvers(directory), before)
    assert.equal(readFileSync(found, 'utf8').trim().split('\n').length, 1)
    assert.equal(readFileSync(own, 'utf8'), 'mine\n')
    assert.equal(readFileSync(bait, 'utf8'), 'theirs\n')
    assertUndisclosed(directory)
  })

  it('costs no push its success where the node has nothing to look for it with', async (t) => {
    const directory = stickyDirectory(t)
    age(await abandon(t, directory), 2 * hourMs)
    const none = wrapProgram(t, 'find', 'exit 127')
    const { code, results } = await placeHere(tokenFiles(directory, content), { as: victim, path: [none] })
    assert.deepEqual([code, ...results.values()], [0, 'ok', 'ok'])
  })
})
