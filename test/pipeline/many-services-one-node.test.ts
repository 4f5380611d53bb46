/** Twenty services for one node at once, with sshd's own limits: nobody is turned away, nothing is tried twice. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { sshdDirectory } from '../../sandbox/nodes.ts'
import { startSite } from '../../sandbox/site.ts'
import { landedAt, pairsOf } from '../../sandbox/support/pairs.ts'
import { startPusher } from '../../sandbox/support/pusher.ts'
import { countConnections, markLogs } from '../../sandbox/support/sshd-log.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { assertNothingLeft } from '../support/site-ends.ts'

it('twenty services to one node: no connection refused, no retry, one connection each', {
  timeout: 170_000,
}, async () => {
  await using directory = await makeDirectory()
  const dir = join(directory.path, 'site')
  const entries = generateEntries({ entries: 20, nodes: 1, credds: 0 })
  {
    await using site = await startSite({ dir, entries, settings: patience, sshd: { ownKeyExchange: true } })
    const [node = ''] = site.nodes.map(({ name }) => name)
    assert.match(
      readFileSync(join(sshdDirectory(site.layout, node), 'sshd_config'), 'utf8'),
      /^MaxStartups 10:30:100$/m,
    )
    const mark = markLogs(site)
    const pairs = pairsOf(site)
    {
      await using pusher = await startPusher(site)
      await pusher.push(pairs)
      assert.deepEqual(pusher.failures, [])
      assert.deepEqual(
        await pusher.attempts(pairs),
        pairs.map(() => 1),
        'attempts that the claims have counted',
      )
    }
    assert.deepEqual(
      pairs.filter((pair) => landedAt(site, pair) === undefined),
      [],
      'tokens that are not there',
    )
    await site[Symbol.asyncDispose]()
    const { accepted, refused } = countConnections(mark)
    assert.deepEqual({ accepted, refused }, { accepted: 20, refused: 0 })
  }
  await assertNothingLeft(dir)
})
