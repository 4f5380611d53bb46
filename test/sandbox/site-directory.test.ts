import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { leaveDirectory, prepareDirectory } from '../../sandbox/prepare-directory.ts'
import { makeTemporaryDirectory } from './site-support.ts'

it('a directory with somebody’s files is refused and left as it is', () => {
  const dir = makeTemporaryDirectory()
  writeFileSync(join(dir, 'thesis.tex'), 'years of work')
  assert.throws(() => prepareDirectory(dir), /is not empty and no sandbox: choose another directory/)
  assert.equal(readFileSync(join(dir, 'thesis.tex'), 'utf8'), 'years of work')
  rmSync(dir, { recursive: true })
})

it('a directory whose name no configuration may hold is refused, and not made', () => {
  const dir = join(makeTemporaryDirectory(), 'a site')
  assert.throws(() => prepareDirectory(dir), /has characters that a configuration must not hold/)
  assert.equal(existsSync(dir), false)
  rmSync(join(dir, '..'), { recursive: true })
})

it('a sandbox that was left is emptied, and one that a killed process left behind as well', () => {
  const dir = makeTemporaryDirectory()
  prepareDirectory(dir)
  writeFileSync(join(dir, 'old'), '')
  assert.throws(() => prepareDirectory(dir), /a sandbox runs in/)
  leaveDirectory(dir)
  prepareDirectory(dir)
  assert.equal(existsSync(join(dir, 'old')), false)

  writeFileSync(join(dir, 'old'), '')
  // The same process id, but of a process that was born at another time.
  writeFileSync(join(dir, 'site.pid'), `${process.pid} 1\n`)
  prepareDirectory(dir)
  assert.deepEqual(readdirSync(dir), ['site.pid'])
  rmSync(dir, { recursive: true })
})
