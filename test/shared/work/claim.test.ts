import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KV } from '@nats-io/kv'
import { errors } from '@nats-io/nats-core'
import fc from 'fast-check'
import { ClaimLost, failure } from '../../../shared/contracts/errors.ts'
import { decideClaim, takeClaim } from '../../../shared/work/claim.ts'
import type { TargetRecord } from '../../../shared/work/target-record.ts'
import { fakeKv } from '../../services/fake-kv.ts'
import { makeRuns } from '../../support/entry.ts'
import { openRefreshQueue } from '../../support/refresh-queue.ts'

const [older = '', run = '', newer = ''] = makeRuns(3)
const record = (fields: Partial<TargetRecord>): TargetRecord => ({
  ...{ entry: 'dune_production', run, holder: 'h', attempts: 2, lastAttempt: '2026-01-01T00:00:00Z' },
  ...fields,
})
const done = (of: string) => ({ run: of, kind: 'done', messages: [] }) as const
const gaveUp = { run, kind: 'failed', failure: failure('no-credd', 'None.') } as const

describe('whether a run may work on a target', () => {
  const sentences: Record<string, [TargetRecord | undefined, ReturnType<typeof decideClaim>]> = {
    'a target that nobody ever had is taken, as the first attempt': [
      undefined,
      { kind: 'take', attempts: 1 },
    ],
    'a newer run takes it from an older one, and counts anew': [
      record({ run: older, attempts: 9 }),
      { kind: 'take', attempts: 1 },
    ],
    'what the older run ended is no end of ours': [
      record({ run: older, ended: done(older) }),
      { kind: 'take', attempts: 1 },
    ],
    'the same run goes on, with one more attempt': [record({}), { kind: 'take', attempts: 3 }],
    'the same run goes on although an older one had ended': [
      record({ ended: done(older) }),
      { kind: 'take', attempts: 3 },
    ],
    'what this run has done is not done again': [
      record({ ended: done(run) }),
      { kind: 'ended', ending: done(run) },
    ],
    'what failed for good in this run is not tried again': [
      record({ ended: gaveUp }),
      { kind: 'ended', ending: gaveUp },
    ],
    'a newer run that works on it wins': [record({ run: newer }), { kind: 'superseded', by: newer }],
    'a newer run that has ended wins as well': [
      record({ run: newer, ended: done(newer) }),
      { kind: 'superseded', by: newer },
    ],
  }
  for (const [sentence, [found, expected]] of Object.entries(sentences))
    it(sentence, () => assert.deepEqual(decideClaim(found, run), expected))

  it('only ever lets a target go forward, ends each run once, and counts its attempts', () => {
    const runs = makeRuns(4)
    const step = fc.record({
      run: fc.constantFrom(...runs),
      outcome: fc.constantFrom('crash', 'done', 'failed'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let found: TargetRecord | undefined
        // The model: the newest run so far, its attempts, and which runs have ended.
        let newest = ''
        let attempts = 0
        const ended = new Set<string>()
        for (const { run, outcome } of steps) {
          const decision = decideClaim(found, run)
          const expected = run < newest ? 'superseded' : ended.has(run) ? 'ended' : 'take'
          assert.equal(decision.kind, expected)
          if (decision.kind !== 'take') continue
          attempts = run === newest ? attempts + 1 : 1
          newest = run
          assert.equal(decision.attempts, attempts)
          found = { ...(found ?? record({})), run, attempts }
          if (outcome === 'crash') continue
          ended.add(run)
          found = { ...found, ended: outcome === 'done' ? done(run) : { ...gaveUp, run } }
        }
      }),
    )
  })
})

describe('claims on a real bus', () => {
  const key = 'refresh.dune.production'
  const subject = { run, entry: 'dune_production' }

  it('are held by the last of two who claim at once, and the loser may change nothing', async () => {
    await using queue = await openRefreshQueue()
    const { targets } = queue
    for (let round = 0; round < 10; round++) {
      const claimed = await Promise.all([1, 2].map(() => takeClaim(targets, `${key}.${round}`, subject)))
      const outcomes = await Promise.all(
        claimed.map(async (one) => {
          assert.equal(one.kind, 'taken')
          try {
            await one.claim.check()
            await one.claim.change({ ended: done(run) })
            return one.claim.record.attempts
          } catch (error) {
            assert.ok(error instanceof ClaimLost)
            return 'lost'
          }
        }),
      )
      assert.deepEqual(outcomes.toSorted(), [2, 'lost'])
    }
  })

  it('are lost to a newer run, and what the loser knew is not written', async () => {
    await using queue = await openRefreshQueue()
    const { targets } = queue
    const first = await takeClaim(targets, key, subject)
    const second = await takeClaim(targets, key, { ...subject, run: newer })
    assert.ok(first.kind === 'taken' && second.kind === 'taken')
    const isLost = (error: unknown) => error instanceof ClaimLost && error.message.includes(key)
    await assert.rejects(first.claim.check(), isLost)
    await assert.rejects(first.claim.change({ reported: true }), isLost)
    await second.claim.check()
    assert.equal((await targets.get(key))?.json<TargetRecord>().run, newer)
    assert.deepEqual(await takeClaim(targets, key, subject), { kind: 'superseded', by: newer })
  })

  it('keep what is known of a target from run to run, but not that a failure was reported', async () => {
    await using queue = await openRefreshQueue()
    const { targets } = queue
    const first = await takeClaim(targets, key, subject)
    assert.ok(first.kind === 'taken')
    await first.claim.change({
      lastSuccess: '2026-01-01T00:00:00Z',
      expiry: '2026-02-01T00:00:00Z',
      reported: true,
    })
    const again = await takeClaim(targets, key, subject)
    assert.ok(again.kind === 'taken' && again.claim.record.reported === true, 'the same run has reported')
    const next = await takeClaim(targets, key, { ...subject, run: newer })
    assert.ok(next.kind === 'taken')
    const { lastSuccess, expiry, reported, attempts } = next.claim.record
    assert.deepEqual(
      { lastSuccess, expiry, reported, attempts },
      {
        lastSuccess: '2026-01-01T00:00:00Z',
        expiry: '2026-02-01T00:00:00Z',
        reported: undefined,
        attempts: 1,
      },
    )
  })

  it('are lost where somebody has deleted the record, and write none anew', async () => {
    await using queue = await openRefreshQueue()
    const { targets } = queue
    const claimed = await takeClaim(targets, key, subject)
    assert.ok(claimed.kind === 'taken')
    await targets.delete(key)
    await assert.rejects(claimed.claim.check(), ClaimLost)
    await assert.rejects(claimed.claim.change({ reported: true }), ClaimLost)
    assert.equal((await targets.get(key))?.operation, 'DEL')
  })

  it('survive an answer that was lost: the change was stored, and is made again', async () => {
    await using queue = await openRefreshQueue()
    const { targets } = queue
    const claimed = await takeClaim(targets, key, subject)
    assert.ok(claimed.kind === 'taken')
    // As the server has it when the answer to our own write went missing.
    const stored = (await targets.get(key))?.json<TargetRecord>()
    await targets.put(key, JSON.stringify({ ...stored, ended: done(run) }))
    await claimed.claim.change({ ended: done(run) })
    await claimed.claim.change({ reported: true })
    assert.equal((await targets.get(key))?.json<TargetRecord>().reported, true)
  })
})

describe('a claim', () => {
  const key = 'refresh.dune.production'
  const subject = { run, entry: 'dune_production' }

  it('is one attempt though its answer was lost, and takes one look where it was not', async () => {
    const bucket = fakeKv()
    let looks = 0
    let lost = 1
    const kv = {
      ...bucket.kv,
      get: (name: string) => {
        looks++
        return bucket.kv.get(name)
      },
      async create(name: string, value: string) {
        const revision = await bucket.kv.create(name, value)
        if (lost-- > 0) throw new errors.TimeoutError()
        return revision
      },
    } as KV
    const claimed = await takeClaim(kv, key, subject, { pauseMs: 1 })
    assert.ok(claimed.kind === 'taken')
    await claimed.claim.change({ reported: true, reportedAt: '2026-01-01T00:00:00.000Z' })
    const { attempts, reported } = (await bucket.kv.get(key))?.json<TargetRecord>() ?? {}
    assert.deepEqual([attempts, reported, claimed.claim.record.attempts], [1, true, 1])
    looks = 0
    const again = await takeClaim(kv, key, subject)
    assert.ok(again.kind === 'taken')
    assert.equal(looks, 1)
    assert.equal(again.claim.record.reportedAt, '2026-01-01T00:00:00.000Z')
  })
})
