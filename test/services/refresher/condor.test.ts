import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { findCredds } from '../../../services/refresher/condor.ts'
import type { Permanent } from '../../../shared/errors.ts'
import { entryOf } from '../build.ts'

/** A condor_status that runs `body`; its words are kept in a file, one a line. */
function condorStatus(t: TestContext, body: string) {
  const directory = mkdtempSync(join(tmpdir(), 'mt-condor-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const program = join(directory, 'condor_status')
  writeFileSync(
    program,
    `#!/bin/sh\nprintf '%s\\n' "$@" "$_condor_COLLECTOR_HOST" >>${directory}/words\n${body}\n`,
  )
  chmodSync(program, 0o755)
  const options = { condorStatus: program, timeoutMs: 60_000, signal: AbortSignal.timeout(120_000) }
  return { options, words: () => readFileSync(join(directory, 'words'), 'utf8').trim().split('\n') }
}

describe('the credds of an entry', () => {
  it('are what the collector names, each once, in order', async (t) => {
    const { options, words } = condorStatus(t, 'printf "b.lab.example\\na.lab.example\\n\\nb.lab.example\\n"')
    assert.deepEqual(await findCredds(entryOf(), options), ['a.lab.example', 'b.lab.example'])
    const pool = 'collector.lab.example'
    assert.deepEqual(words(), ['-pool', pool, '-schedd', '-af', 'Name', pool])
  })
  it('are chosen by the entry’s constraint, which is one word whatever it holds', async (t) => {
    const { options, words } = condorStatus(t, 'echo a.lab.example')
    const scheddConstraint = 'IsJobsub =?= True && regexp("x y", Name); rm -rf $HOME'
    await findCredds({ ...entryOf(), scheddConstraint }, options)
    assert.deepEqual(words().slice(3, 5), ['-constraint', scheddConstraint])
  })
  it('are asked of the next collector when one is down', async (t) => {
    const { options, words } = condorStatus(t, '[ "$2" = c2.lab.example ] || exit 1; echo a.lab.example')
    const entry = { ...entryOf(), collectors: ['c1.lab.example', 'c2.lab.example', 'c3.lab.example'] }
    assert.deepEqual(await findCredds(entry, options), ['a.lab.example'])
    assert.deepEqual(
      words().filter((_, i, all) => all[i - 1] === '-pool'),
      ['c1.lab.example', 'c2.lab.example'],
    )
  })
  it('are the configured ones without asking, and none for an entry that needs none', async () => {
    const options = { condorStatus: '/nowhere', timeoutMs: 1_000, signal: AbortSignal.timeout(5_000) }
    assert.deepEqual(await findCredds({ ...entryOf(), credds: ['x.lab.example'] }, options), [
      'x.lab.example',
    ])
    assert.deepEqual(await findCredds({ ...entryOf(), tokenGetter: 'getToken' }, options), [])
  })

  const code = (kind: string, expected: string) => (error: Permanent) => {
    assert.deepEqual([error.name, error.failure.code], [kind, expected])
    assert.doesNotMatch(error.message, /\n|;id/)
    return true
  }
  const bad: Record<string, string> = {
    'an option': '--help',
    'a command': 'a.lab.example;id',
    'two words': 'a.lab.example b.lab.example',
    'a path': '../../etc/passwd',
    'an escape': 'a\u001b[31m',
  }
  for (const [what, name] of Object.entries(bad))
    it(`are refused when the collector names ${what} for one`, async (t) => {
      const { options } = condorStatus(t, `echo good.lab.example; printf '%s\\n' '${name}'`)
      await assert.rejects(findCredds(entryOf(), options), code('Permanent', 'no-credd'))
    })
  it('are none when the collector knows none: that does not pass by itself', async (t) => {
    await assert.rejects(
      findCredds(entryOf(), condorStatus(t, 'exit 0').options),
      code('Permanent', 'no-credd'),
    )
  })
  it('may be known later when no collector answers', async (t) => {
    await assert.rejects(
      findCredds(entryOf(), condorStatus(t, 'exit 1').options),
      code('Transient', 'collector-unreachable'),
    )
  })
  it('may be known later when condor_status is not there', async () => {
    const options = {
      condorStatus: '/nowhere/condor_status',
      timeoutMs: 1_000,
      signal: AbortSignal.timeout(5_000),
    }
    await assert.rejects(findCredds(entryOf(), options), code('Transient', 'collector-unreachable'))
  })
})
