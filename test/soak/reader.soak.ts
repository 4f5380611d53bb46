/**
 * Somebody reads a node's token files all the time while they are pushed again and again: `SOAK_SECONDS` (600 for all 200
 * pushes) and `SOAK_SEED` choose how many pushes, and the lengths of their tokens.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import { startSite } from '../../sandbox/site.ts'
import { landedAt, type Pair, tokenFiles } from '../../sandbox/support/pairs.ts'
import { startPusher } from '../../sandbox/support/pusher.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { randomOf } from '../support/random.ts'
import { assertNothingLeft } from '../support/site-ends.ts'
import { startReader } from '../support/token-reader.ts'

const seconds = Number(process.env.SOAK_SECONDS ?? 600)
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)
const entries = generateEntries({ entries: 4, nodes: 1, credds: 0 })
/** Of all entries. The first one only puts the files there. */
const rounds = 1 + Math.min(50, Math.ceil(seconds / 12))
const pushes = (rounds - 1) * entries.length
const opensPerPush = 500
/** Vault tokens have some hundred characters; longer ones take longer to write. */
const longestToken = 4_000

it('a reader never finds a token absent, empty or torn while it is pushed again and again', {
  timeout: (seconds + 600) * 1_000,
}, async (t) => {
  t.diagnostic(`SOAK_SEED=${seed}, ${pushes} pushes`)
  await using directory = await makeDirectory()
  const dir = join(directory.path, 'site')
  {
    await using site = await startSite({ dir, entries, settings: patience })
    await using pusher = await startPusher(site)
    const [first = [], ...others] = planRounds(randomOf(seed))
    await pusher.push(first)
    using reader = startReader({
      files: first.map(({ entry, node }) =>
        seenFromOutside(nodeTmp(site.layout, node), tokenFiles(entry)[0]),
      ),
      contents: first.map((_, index) => [first, ...others].map((pairs) => `${pairs[index]?.token}\n`)),
    })
    for (const [index, pairs] of others.entries()) {
      await pusher.push(pairs)
      // A reader that gets little of a busy machine is waited for.
      await reader.untilOpened((index + 1) * entries.length * opensPerPush)
    }
    const { opens, distinct, wrong } = await reader.stop()
    t.diagnostic(`${opens} opens met ${distinct} of ${pushes + entries.length} tokens`)
    assert.deepEqual(wrong, [])
    assert.ok(opens >= opensPerPush * pushes, `${opens} opens`)
    assert.ok(distinct > pushes / 2, 'it read while tokens were replaced')
    assert.ok(
      others.at(-1)?.every((pair) => landedAt(site, pair)),
      'the last tokens lie there',
    )
  }
  await assertNothingLeft(dir)
})

/** For each round a token for each entry. */
function planRounds(random: () => number): Pair[][] {
  return Array.from({ length: rounds }, (_, round) =>
    entries.map((entry, index) => {
      const filler = 'x'.repeat(Math.floor(random() * longestToken))
      return { entry, node: entry.nodes[0] ?? '', token: `token-${round}-${index}-${filler}` }
    }),
  )
}

const seenFromOutside = (tmp: string, file = '') => join(tmp, file.slice('/tmp/'.length))
