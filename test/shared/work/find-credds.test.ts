import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import pino from 'pino'
import type { Permanent } from '../../../shared/contracts/errors.ts'
import { findCredds, sortNames } from '../../../shared/work/find-credds.ts'
import { openRunCache } from '../../../shared/work/run-cache.ts'
import { entryOf } from '../../services/build.ts'

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
    assert.deepEqual((await findCredds(entryOf(), options)).names, ['a.lab.example', 'b.lab.example'])
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
    assert.deepEqual((await findCredds(entry, options)).names, ['a.lab.example'])
    assert.deepEqual(
      words().filter((_, i, all) => all[i - 1] === '-pool'),
      ['c1.lab.example', 'c2.lab.example'],
    )
  })
  it('are the configured ones without asking, and none for an entry that needs none', async () => {
    const options = { condorStatus: '/nowhere', timeoutMs: 1_000, signal: AbortSignal.timeout(5_000) }
    assert.deepEqual(await findCredds({ ...entryOf(), credds: ['x.lab.example'] }, options), {
      names: ['x.lab.example'],
      refused: [],
    })
    assert.deepEqual(await findCredds({ ...entryOf(), tokenGetter: 'getToken' }, options), {
      ...{ names: [], refused: [] },
    })
  })

  const code = (kind: string, expected: string) => (error: Permanent) => {
    assert.deepEqual([error.name, error.failure.code], [kind, expected])
    assert.doesNotMatch(error.message, /\n|;id/)
    return true
  }
  /** Printed beside a good name: which names are taken, and which are told. */
  const printed: Record<string, readonly [string, readonly string[], readonly string[]]> = {
    'HTCondor’s own form for the second schedd of a host': [
      'crab3@schedd19.example.org',
      ['crab3@schedd19.example.org'],
      [],
    ],
    'a name with a port': ['schedd19.example.org:9620', ['schedd19.example.org:9620'], []],
    'the dot that ends a full name': ['b.lab.example.', ['b.lab.example'], []],
    'the same host once with the dot and once without': ['good.lab.example.', [], []],
    'an option': ['--help', [], ['--help']],
    'a command': ['a.lab.example;id', [], ['a.lab.example;id']],
    'two words': ['a.lab.example b.lab.example', [], ['a.lab.example b.lab.example']],
    'a path': ['../../etc/passwd', [], ['../../etc/passwd']],
    'a path before the host': ['../../x@a.lab.example', [], ['../../x@a.lab.example']],
    'two names before the host': ['a@b@c.lab.example', [], ['a@b@c.lab.example']],
    'a warning': [
      'WARNING: Config source /etc/condor/x is unreadable',
      [],
      ['WARNING: Config source /etc/condor/x is unreadable'],
    ],
    'an attribute that is not there': ['undefined', [], ['undefined']],
    'one that cannot be worked out': ['error', [], ['error']],
    'an escape': ['a\u001b[31mx y', [], ['ax y']],
    'an address': ['<192.0.2.1:9618?addrs=192.0.2.1-9618>', [], ['<192.0.2.1:9618?addrs=192.0.2.1-9618>']],
    'a line without end': [`${'x'.repeat(5_000)} y`, [], [`${'x'.repeat(79)}…`]],
  }
  for (const [what, [line, taken, refused]] of Object.entries(printed))
    it(`hold the good names beside ${what}, which is ${taken.length > 0 || refused.length === 0 ? 'taken' : 'told'}`, () => {
      assert.deepEqual(sortNames(`\n${line}\r\ngood.lab.example\n`), {
        names: [...taken, 'good.lab.example'].sort(),
        refused,
      })
    })
  it('are told apart once for all that ask in a run, with one line in the log for each odd name', async (t) => {
    const { options, words } = condorStatus(t, 'echo good.lab.example; echo "odd name"')
    const lines: object[] = []
    const log = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
    const answers = openRunCache()
    const ask = () =>
      findCredds(entryOf(), { ...options, log, once: (question, find) => answers.once('1', question, find) })
    const found = [await ask(), await ask()]
    for (const one of found)
      assert.deepEqual(one, {
        ...{ collector: 'collector.lab.example', names: ['good.lab.example'], refused: ['odd name'] },
      })
    assert.equal(words().filter((word) => word === '-schedd').length, 1)
    const collector = 'collector.lab.example'
    assert.deepEqual(
      lines.map((line) => {
        const { time: _, pid: __, hostname: ___, ...told } = line as Record<string, unknown>
        return told
      }),
      [
        { level: 30, collector, schedds: 1, msg: 'a collector answered' },
        {
          ...{ level: 40, collector, name: 'odd name' },
          msg: 'a collector names a schedd that is no host name: it is left out',
        },
      ],
    )
  })
  it('are asked for anew where the collectors or the constraint are others', async (t) => {
    const { options } = condorStatus(t, 'echo a.lab.example')
    const asked: unknown[] = []
    const once = <T>(question: readonly unknown[], ask: () => Promise<T>) => {
      asked.push(question)
      return ask()
    }
    await findCredds({ ...entryOf(), scheddConstraint: 'x' }, { ...options, once })
    assert.deepEqual(asked, [['schedds', ['collector.lab.example'], 'x']])
  })
  it('are told of in the log where a collector is passed over', async (t) => {
    const { options } = condorStatus(
      t,
      '[ "$2" = c2.lab.example ] || { echo away; exit 1; }; echo a.lab.example',
    )
    const lines: { level: number; collector?: string; why?: string; msg: string }[] = []
    const log = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
    await findCredds({ ...entryOf(), collectors: ['c1.lab.example', 'c2.lab.example'] }, { ...options, log })
    const { level, collector, why, msg } = lines[0] ?? { level: 0, msg: '' }
    assert.deepEqual([level, collector, why], [40, 'c1.lab.example', 'away'])
    assert.match(msg, /does not answer: the next one is asked/)
  })
  it('are not asked of the next collector where the first one names odd ones alone', async (t) => {
    const { options, words } = condorStatus(t, 'echo "odd name"')
    const collectors = ['c1.lab.example', 'c2.lab.example']
    const found = await findCredds({ ...entryOf(), collectors }, options)
    assert.deepEqual(found, { collector: 'c1.lab.example', names: [], refused: ['odd name'] })
    assert.ok(!words().includes('c2.lab.example'))
  })
  it('are not known where both are silent, each in its way, and the message names who answered', async (t) => {
    const { options } = condorStatus(t, '[ "$2" = c1.lab.example ] || exit 1')
    const collectors = ['c0.lab.example', 'c1.lab.example']
    await assert.rejects(findCredds({ ...entryOf(), collectors }, options), {
      message: 'c1.lab.example knows no schedd that is asked for.',
    })
    await assert.rejects(findCredds({ ...entryOf(), collectors: [] }, options), {
      message: 'No collector answers: asked none.',
    })
    const two = ['c1.lab.example', 'c1.lab.example']
    await assert.rejects(findCredds({ ...entryOf(), collectors: two }, options), {
      message: 'c1.lab.example, c1.lab.example knows no schedd that is asked for.',
    })
  })
  it('are not known in time where condor_status hangs', async (t) => {
    const { options } = condorStatus(t, 'exec sleep 60')
    await assert.rejects(findCredds(entryOf(), { ...options, timeoutMs: 300 }), {
      message: 'No collector answers: asked collector.lab.example (no answer in time).',
    })
  })
  it('are given an odd name of nothing but signs by words of ours', () =>
    assert.deepEqual(sortNames('\u001b\u0007 \u0007\n'), { names: [], refused: ['a name without a letter'] }))
  it('leave an entry its nodes where no name of the collector’s is good', async (t) => {
    const { options } = condorStatus(t, 'echo "odd name"')
    assert.deepEqual((await findCredds(entryOf(), options)).names, [])
  })
  it('are told of ten odd names at most: a program that prints a page has said enough', () => {
    const page = Array.from({ length: 1_000 }, (_, line) => `line ${line}`).join('\n')
    assert.equal(sortNames(page).refused.length, 10)
  })
  it('may be known later when the collector knows none: it may have been started a moment ago', async (t) => {
    await assert.rejects(
      findCredds(entryOf(), condorStatus(t, 'exit 0').options),
      code('Transient', 'no-credd'),
    )
  })
  it('are asked of the next collector when one knows none', async (t) => {
    const { options } = condorStatus(t, 'case "$2" in new*) ;; *) echo credd.lab.example ;; esac')
    const entry = { ...entryOf(), collectors: ['new.lab.example', 'old.lab.example'] }
    const found = await findCredds(entry, options)
    assert.deepEqual([found.collector, found.names], ['old.lab.example', ['credd.lab.example']])
  })
  it('may be known later when no collector answers', async (t) => {
    await assert.rejects(
      findCredds(entryOf(), condorStatus(t, 'exit 1').options),
      code('Transient', 'collector-unreachable'),
    )
  })
  for (const [what, body, why] of [
    [
      'condor_status complains of the constraint',
      'echo "Error: bad constraint" >&2; exit 1',
      'Error: bad constraint',
    ],
    ['condor_status says nothing', 'exit 1', 'condor_status said nothing'],
  ] as const)
    it(`are not known when ${what}, and the message says so`, async (t) => {
      const { options } = condorStatus(t, body)
      await assert.rejects(findCredds(entryOf(), options), {
        message: `No collector answers: asked collector.lab.example (${why}).`,
      })
    })

  it('may be known later when condor_status is not there', async () => {
    const options = {
      condorStatus: '/nowhere/condor_status',
      timeoutMs: 1_000,
      signal: AbortSignal.timeout(5_000),
    }
    await assert.rejects(findCredds(entryOf(), options), code('Transient', 'collector-unreachable'))
    await assert.rejects(findCredds(entryOf(), options), {
      message: /\(condor_status not found\)/,
    })
  })
})
