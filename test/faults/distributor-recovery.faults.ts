/** Nodes that are away, and nodes that take one connection at a time: every token arrives, and the system says what happened. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { makeDirectory, type Pipeline, startPipeline } from '../support/pipeline.ts'
import { assertNothingLeft, emptyEnds, findMisplaced } from '../support/site-ends.ts'

const node = 'node01.sandbox.test'
const entries = generateEntries({ entries: 6, nodes: 1, credds: 0 })

describe('a node that takes one connection at a time', { timeout: 400_000 }, () => {
  let directory: Awaited<ReturnType<typeof makeDirectory>>
  let pipe: Pipeline
  const stop = new AsyncDisposableStack()
  const misplaced = () => findMisplaced({ dir: pipe.site.dir })
  const log = (name: string) => readFileSync(join(pipe.site.layout.logs, `${name}.log`), 'utf8')

  before(async () => {
    directory = await makeDirectory()
    pipe = stop.use(
      await startPipeline({
        ...{ dir: join(directory.path, 'site'), entries, holdSsh: true },
        sshd: { maxStartups: '1:100:1', ownKeyExchange: true },
        settings: { distributor: { probePeriod: '2s' } },
      }),
    )
  })
  after(async () => {
    await stop.disposeAsync()
    await assertNothingLeft(join(directory.path, 'site'))
    await directory[Symbol.asyncDispose]()
  })

  it('gets every token, and a dropped connection is no failure', async () => {
    // Let go at the same moment, they mostly meet: the first run in which they do counts.
    for (let runs = 1; ; runs += 1) {
      hold(pipe.site.dir, `ssh:${node}`)
      const { run } = await pipe.startRun()
      for (const { experiment } of entries)
        await pipe.facts.until(
          `${experiment} has its token`,
          ({ subject, body }) => body.run === run && subject.startsWith(`token.ready.${experiment}.`),
        )
      await waitHeld(pipe.site.dir, `ssh:${node}`)
      release(pipe.site.dir, `ssh:${node}`)
      const { totals } = await pipe.finish(run)
      assert.deepEqual([totals.done, totals.failed], [entries.length, 0])
      assert.deepEqual(await misplaced(), [])
      if (/past MaxStartups/.test(log(`sshd-${node}`))) break
      assert.ok(runs < 10, 'no connection was dropped in ten runs')
    }
    assert.doesNotMatch(log('distributor'), /connection-dropped/)
  })

  it('that was away beyond a run’s end gets its tokens when it is back, with Vault and the refresher gone; that is told', async () => {
    await pipe.site.stopNode(node)
    emptyEnds(pipe.site)
    const { run } = await pipe.startRun()
    const { totals } = await pipe.finish(run)
    assert.deepEqual([totals.done, totals.failed], [0, entries.length])
    const told = await pipe.storedFacts(run)
    assert.ok(told.some(({ body }) => body.code === 'connection-refused' && body.permanent === false))

    writeFaults(pipe.site.dir, { 'vault-down': true })
    assert.ok(pipe.supervisor.kill('refresher', 'SIGSTOP'))
    try {
      await pipe.site.startNode(node)
      await pipe.untilStatus(run, 'every token is there', (found) => found.totals.done === entries.length)
    } finally {
      pipe.supervisor.kill('refresher', 'SIGCONT')
    }
    assert.deepEqual(await misplaced(), [])
    const pushed = (await pipe.storedFacts(run)).filter(({ subject }) => subject.startsWith('token.pushed.'))
    assert.equal(pushed.length, entries.length)
    for (const { body } of pushed) {
      const { since } = body.recovered as { since: string }
      const failed = told.find(
        (one) => one.subject.startsWith('token.failed.') && one.body.entry === body.entry,
      )
      assert.ok(failed && since >= String(failed.body.at))
    }
  })
})
