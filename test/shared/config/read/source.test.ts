import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { ConfigError } from '../../../../shared/config/read/problem.ts'
import { openSiteSource } from '../../../../shared/config/read/source.ts'
import { noEnvironment, siteText, writeSite } from '../site-text.ts'

test('a file that did not change keeps the very same site', (t) => {
  const source = openSiteSource(writeSite(t, siteText()), noEnvironment)
  const before = source.current()
  assert.deepEqual(source.reload(), { changed: false })
  assert.equal(source.current(), before)
})

test('a changed file comes into force with its own hash', (t) => {
  const file = writeSite(t, siteText())
  const source = openSiteSource(file, noEnvironment)
  const before = source.current()
  writeFileSync(file, siteText('minTokenLifetime: 2d'))
  assert.deepEqual(source.reload(), { changed: true })
  assert.equal(source.current().entries[0]?.minTokenLifetime, '2d')
  assert.notEqual(source.current().hash, before.hash)
  assert.equal(before.entries[0]?.minTokenLifetime, '10s', 'a run under way keeps what it started with')
})

test('a broken file leaves the last good one in force and is reported once per content', (t) => {
  const file = writeSite(t, siteText())
  const source = openSiteSource(file, noEnvironment)
  const good = source.current()
  writeFileSync(file, 'a: [')
  const first = source.reload()
  assert.equal(first.changed, false)
  assert.ok(first.problems?.some(({ severity }) => severity === 'error'))
  assert.deepEqual(source.reload(), { changed: false })
  writeFileSync(file, 'b: [')
  assert.ok(source.reload().problems, 'another fault is news')
  assert.equal(source.current(), good)
})

test('after the file was repaired, the same fault is news again', (t) => {
  const file = writeSite(t, siteText())
  const source = openSiteSource(file, noEnvironment)
  for (const _ of [1, 2]) {
    writeFileSync(file, 'a: [')
    assert.ok(source.reload().problems)
    writeFileSync(file, siteText())
    assert.deepEqual(source.reload(), { changed: false })
  }
})

test('a file that vanishes is reported once, and its return is taken up', (t) => {
  const file = writeSite(t, siteText())
  const source = openSiteSource(file, noEnvironment)
  renameSync(file, `${file}.away`)
  assert.match(source.reload().problems?.[0]?.message ?? '', /there is no such file/)
  assert.deepEqual(source.reload(), { changed: false })
  assert.equal(source.current().entries.length, 1)
  writeFileSync(file, siteText('minTokenLifetime: 1d'))
  assert.deepEqual(source.reload(), { changed: true })
  rmSync(`${file}.away`)
})

test('nothing is opened on a broken file: there is no good one yet', (t) => {
  assert.throws(() => openSiteSource(writeSite(t, 'a: ['), noEnvironment), ConfigError)
})
