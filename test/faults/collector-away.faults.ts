/** Every collector away: nodes get their tokens all the same, the credds of the last run are waited for, and the cause is told once. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { readMailsAbout } from '../support/admin-mails.ts'
import { assertNoMisuse } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const waiting = [
  'dune_production credd1.sandbox.test',
  'mu2e_production credd1.sandbox.test',
  'mu2e_production credd2.sandbox.test',
]
const away = { 'collector-down': ['collector'] }

describe('an entry whose collectors are all away', { timeout: 400_000 }, () => {
  const at = usePipeline(() => ({}))
  let run = ''
  before(async () => {
    const first = await at.pipe.startRun()
    assert.equal((await at.pipe.finish(first.run)).totals.failed, 0)
    writeFaults(at.dir, away)
    run = (await at.pipe.startRun()).run
  })

  it('has its token on every node, and fails at the credds that the last run knew', async () => {
    assert.deepEqual(
      await failedIn(run),
      waiting.map((target) => `${target} collector-unreachable`),
    )
  })

  it('is told to administrators alone, once, with the collector as the cause', async () => {
    const mails = await readMailsAbout('', at.dir)
    assert.equal(mails.length, 1)
    assert.match(mails[0]?.subject ?? '', /collector.*2 services without new tokens/)
  })

  it('has its token on every node as well while a collector that was just started knows nobody', async () => {
    writeFaults(at.dir, {})
    const facts = readFileSync(at.pipe.site.layout.facts, 'utf8')
    const empty = JSON.parse(facts)
    for (const pool of empty.pools) pool.schedds = []
    writeFileSync(at.pipe.site.layout.facts, JSON.stringify(empty))
    assert.deepEqual(
      await failedIn((await at.pipe.startRun()).run),
      waiting.map((target) => `${target} no-credd`),
    )
    writeFileSync(at.pipe.site.layout.facts, facts)
  })

  it('is stored by the next run that a collector answers', async () => {
    assert.deepEqual(await failedIn((await at.pipe.startRun()).run), [])
    assertNoMisuse(at.pipe.site)
  })

  /** What failed, one line each. */
  async function failedIn(run: string): Promise<string[]> {
    const { entries } = await at.pipe.finish(run)
    return entries
      .flatMap(({ entry, refresh, targets }) => [
        ...(refresh.code ? [`${entry} ${refresh.code}`] : []),
        ...targets.flatMap(({ name, state, code }) => (state === 'done' ? [] : [`${entry} ${name} ${code}`])),
      ])
      .sort()
  }
})
