import assert from 'node:assert/strict'
import { lstatSync, lutimesSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { PlacedFile } from '../../services/distributor/transport/push.ts'
import {
  leftOvers,
  type PlaceOptions,
  placeHere,
  stickyDirectory,
  tokenFiles,
  victim,
  wrapProgram,
} from '../services/distributor/transport/place-here.ts'

/** The two files of a push of their own, whose names no other push has. */
const filesOf = (directory: string, name: string, content: string): PlacedFile[] =>
  ['first', 'second'].map((which) => ({ path: join(directory, `${name}-${which}`), mode: '400', content }))

/** A push over an older token, with what kills the shell on the node. Returns how the shell ended. */
async function pushUntilKilled(directory: string, name: string, options: PlaceOptions) {
  await placeHere(filesOf(directory, name, 'old'), { as: victim })
  const files = filesOf(directory, name, 'new')
  const { code, results } = await placeHere(files, { as: victim, ...options })
  for (const [index, { path }] of files.entries()) {
    const found = readFileSync(path, 'utf8')
    assert.match(found, /^(old|new)\n$/)
    assert.equal(lstatSync(path).mode & 0o7777, 0o400)
    if (results.get(index + 1) === 'ok') assert.equal(found, 'new\n')
  }
  return code
}

/** What the kills have left is private, and a push an hour later takes it away. */
async function assertCleared(directory: string) {
  const left = leftOvers(directory).map((name) => join(directory, name))
  assert.ok(left.length > 0, 'some kills leave something')
  const then = new Date(Date.now() - 4_000_000)
  for (const path of left) {
    const { mode, uid } = lstatSync(path)
    assert.deepEqual([mode & 0o7777, uid], [0o700, victim])
    for (const name of readdirSync(path)) assert.equal(lstatSync(join(path, name)).mode & 0o7777, 0o400)
    lutimesSync(path, then, then)
  }
  await placeHere(tokenFiles(directory), { as: victim })
  assert.deepEqual(leftOvers(directory), [])
}

describe('a shell on the node that is killed', () => {
  it('before any of its commands leaves each file old or new, and what is cleared up later', async (t) => {
    const directory = stickyDirectory(t)
    const killedAt = (step: number): PlaceOptions => ({
      shell: '/bin/bash --posix',
      cut: (input) =>
        `step=0; trap 'step=$((step + 1)); [ $step != ${step} ] || kill -KILL $$' DEBUG; set -T\n${input}`,
    })
    let isOver = false
    let steps = 0
    const killAll = async () => {
      while (!isOver) {
        steps += 1
        const step = steps
        const code = await pushUntilKilled(directory, `step${step}`, killedAt(step))
        if (code === 0) isOver = true
      }
    }
    await Promise.all([killAll(), killAll(), killAll()])
    assert.ok(steps > 100, `${steps} commands`)
    await assertCleared(directory)
  })

  /** Each program that a push of two files runs, and how often. */
  const programs = { mkdir: 1, stat: 2, mv: 2, rmdir: 1 }
  for (const shell of ['/bin/dash', '/bin/busybox sh'])
    it(`around any program that it runs leaves the same, as ${shell}`, async (t) => {
      const directory = stickyDirectory(t)
      for (const [program, times] of Object.entries(programs))
        for (let time = 1; time <= times; time += 1)
          for (const when of ['before', 'after'] as const) {
            const path = [killParent(t, directory, program, time, when)]
            const code = await pushUntilKilled(directory, `${program}${time}-${when}`, { shell, path })
            assert.notEqual(code, 0, `${program} ${time} ${when}`)
          }
      await assertCleared(directory)
    })
})

/** A program that kills the shell that started it, at its `time`th call. */
function killParent(
  t: TestContext,
  directory: string,
  program: string,
  time: number,
  when: 'before' | 'after',
) {
  const calls = join(directory, `calls-${program}-${time}-${when}`)
  const work = when === 'after' ? `/bin/${program} "$@"\n` : ''
  const kill = `${work}kill -KILL $PPID\nexit 1`
  return wrapProgram(
    t,
    program,
    `umask 022; echo >>${calls}\nif [ $(wc -l <${calls}) = ${time} ]; then ${kill}; fi`,
  )
}
