/** A site on which a test stops programs at chosen moments: one for the tests of a suite, its ends emptied before each of them. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { hold, release, waitHeld } from '../../sandbox/hold.ts'
import { findLeaks } from './canary.ts'
import { type Heard, makeDirectory, type Pipeline, type PipelineOptions, startPipeline } from './pipeline.ts'
import {
  assertNoMisuse,
  assertNothingLeft,
  countWork,
  emptyEnds,
  findMisplaced,
  type Mark,
  markNow,
} from './site-ends.ts'

export interface HeldSite {
  readonly pipe: Pipeline
  readonly dir: string
  /** Whoever comes to these hold points from now on waits there (`sandbox/hold.ts`). */
  stopAt(...names: string[]): void
  letGo(...names: string[]): void
  letAllGo(): void
  /** The process that waits there, once there is one. */
  isHeld(name: string): Promise<number>
  /** What was done since the test began (`countWork`). */
  work(): Record<string, number>
  /** Waits for the run's end: all done, in place, told once. Returns what was done since the test began. */
  endOf(run: string, entries: readonly string[]): Promise<Record<string, number>>
  /** Each fact of the run is in the stream once, its end too. */
  assertToldOnce(run: string): Promise<Heard[]>
}

/** Registers the hooks of the suite it is called in. At the suite's end nothing may be left, and no secret have leaked. */
export function useHeldSite(options: Omit<PipelineOptions, 'dir'>): HeldSite {
  const stack = new AsyncDisposableStack()
  const held = new Set<string>()
  let running: { pipe: Pipeline; dir: string } | undefined
  let mark: Mark | undefined

  before(async () => {
    const directory = stack.use(await makeDirectory())
    running = {
      // Its timeouts are long: what a test holds up must not run into one meanwhile.
      pipe: await startPipeline({ ...options, dir: directory.path }),
      dir: directory.path,
    }
  })

  beforeEach(() => {
    const { pipe, dir } = site()
    writeFaults(dir, {})
    emptyEnds(pipe.site)
    mark = markNow(pipe.site)
  })

  afterEach(letAllGo)

  after(async () => {
    await using _directory = stack
    if (!running) return
    await running.pipe[Symbol.asyncDispose]()
    assertNoMisuse(running)
    await assertNothingLeft(running.dir)
    assert.deepEqual(await findLeaks(running.dir), [])
  })

  function site() {
    if (!running) throw new Error('the site has not started')
    return running
  }

  function letGo(...names: string[]): void {
    for (const name of names) {
      release(site().dir, name)
      held.delete(name)
    }
  }

  function letAllGo(): void {
    letGo(...held)
  }

  const work = () => countWork(site().pipe.site, mark ?? { calls: 0, logins: {} })

  async function assertToldOnce(run: string): Promise<Heard[]> {
    const facts = await site().pipe.storedFacts(run)
    const told = facts.map(({ subject, body: { credd, node, target } }) =>
      [subject, credd ?? node ?? target].join(' '),
    )
    const twice = told.filter((fact, index) => told.indexOf(fact) !== index)
    assert.deepEqual(twice, [], 'facts told twice')
    assert.equal(facts.filter(({ subject }) => subject === 'run.finished').length, 1)
    return facts
  }

  return {
    get pipe() {
      return site().pipe
    },
    get dir() {
      return site().dir
    },
    stopAt(...names) {
      for (const name of names) {
        hold(site().dir, name)
        held.add(name)
      }
    },
    letGo,
    letAllGo,
    isHeld: (name) => waitHeld(site().dir, name, 60_000),
    work,
    async endOf(run, entries) {
      const { totals, entries: rows } = await site().pipe.finish(run)
      const ends = rows
        .flatMap(({ refresh, targets }) => [refresh, ...targets])
        .filter(({ state }) => state !== 'done')
      assert.deepEqual([totals.failed, totals.superseded, totals.unfinished], [0, 0, 0], JSON.stringify(ends))
      assert.deepEqual(await findMisplaced(site().pipe.site, entries), [])
      await assertToldOnce(run)
      return work()
    },
    assertToldOnce,
  }
}
