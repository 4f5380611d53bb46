/** Whoever looks on at a run passes over what cannot be read, and goes on looking. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readNews } from '../../cli/runs/follow-run.ts'
import { findOutcome } from '../../cli/uids-refresh.ts'
import { runFinished } from '../../shared/contracts/messages.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const bytesOf = (body: object) => bytes(JSON.stringify(body))

const run = '01M807BSWR0HWDV48S3AWYY3GA'
const at = '2026-03-01T12:00:00.000Z'
const mode = { push: true, notify: true }
const totals = { done: 1, failed: 0, superseded: 0, unfinished: 0 }
const finished = runFinished.parse({ schema: '1.0', run, at, started: at, mode, totals })
const uids = (id: string) => ({ schema: '1.0', run: id, at, trigger: 'request', known: [], failed: [] })

const unreadable = {
  'no JSON': bytes('junk'),
  'no UTF-8': Uint8Array.of(0xff, 0xfe),
  nothing: bytes(''),
  null: bytes('null'),
  'an object without the fields': bytes('{}'),
  'a message of a later major': bytesOf({ ...finished, schema: '2.0' }),
}

describe('a message that cannot be read', () => {
  for (const [what, data] of Object.entries(unreadable))
    it(`is no news of a run: ${what}`, () => {
      for (const subject of ['token.ready.dune.production', 'token.failed.dune.production', 'run.finished'])
        assert.equal(readNews(subject, data), undefined, subject)
    })

  it('is one on a subject that nobody knows, and what can be read is the news it says', () => {
    for (const subject of ['token.lost.dune.production', 'token.ready.dune.production', 'token', '__proto__'])
      assert.equal(readNews(subject, bytesOf(finished)), undefined, subject)
    assert.deepEqual(readNews('run.finished', bytesOf(finished)), { kind: 'finished', body: finished })
  })

  it('does not keep the outcome of FERRY’s being asked from being heard', async () => {
    const said = [...Object.values(unreadable), bytesOf(uids('01M807BSWR0HWDV48S3AWYY3GB'))]
    async function* facts(...last: Uint8Array[]) {
      for (const data of [...said, ...last]) yield { data }
    }
    assert.deepEqual(await findOutcome(facts(bytesOf(uids(run))), run), uids(run))
    assert.equal(await findOutcome(facts(), run), undefined)
  })
})
