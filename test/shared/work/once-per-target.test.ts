import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { KV } from '@nats-io/kv'
import { errors } from '@nats-io/nats-core'
import fc from 'fast-check'
import { pino } from 'pino'
import type { Fact } from '../../../shared/bus/publish.ts'
import { ClaimLost, failure, Permanent, RetryLater, Transient } from '../../../shared/contracts/errors.ts'
import { refreshSubject } from '../../../shared/contracts/subjects.ts'
import { outcomesTotal } from '../../../shared/telemetry/metrics/metrics.ts'
import {
  type Acted,
  decideRetry,
  neverGivingUp,
  oncePerTarget,
  type TargetWork,
} from '../../../shared/work/once-per-target.ts'
import type { TargetRecord } from '../../../shared/work/target-record.ts'
import { factOf, makeRuns, refreshWork } from '../../support/entry.ts'
import { latch } from '../../support/latch.ts'
import { openRefreshQueue, type RefreshQueue, silent } from '../../support/refresh-queue.ts'

const [older = '', run = ''] = makeRuns(2)
const failed = failure('vault-unreachable', 'Vault does not answer.')
const backoff = { firstMs: 1_000, longestMs: 5_000 }
const received = { signal: new AbortController().signal, log: silent }

describe('work on a target', () => {
  let queue: RefreshQueue
  let work: TargetWork
  let count = 0
  let fact: Fact
  let messages: readonly Fact[]
  before(async () => {
    queue = await openRefreshQueue()
  })
  after(() => queue[Symbol.asyncDispose]())
  const nextTarget = () => {
    const name = { experiment: `e${++count}`, role: 'production' }
    const key = refreshSubject(name)
    fact = factOf(name, { run, entry: 'dune_production', at: 'a certain time' })
    messages = [fact]
    work = { key, run, entry: 'dune_production', retry: { numRetries: 2, retrySleepMs: 70 }, backoff }
  }
  beforeEach(nextTarget)
  const recordOf = async () => (await queue.targets.get(work.key))?.json<TargetRecord>()
  const act = (what: () => Promise<Acted>, kv: KV = queue.targets) => oncePerTarget(work, kv, received, what)
  const fail = (error: unknown) =>
    act(() => Promise.reject(error)).then(
      () => assert.fail('it should throw'),
      (thrown: unknown) => thrown,
    )

  it('is done once a run, and answers with the very same messages when it comes back', async () => {
    let acted = 0
    const first = await act(async () => {
      acted++
      return { messages, expiry: '2026-02-01T00:00:00Z' }
    })
    const again = await act(async () => {
      acted++
      return { messages: [] }
    })
    assert.equal(acted, 1)
    assert.deepEqual(first, messages)
    assert.deepEqual(again, messages)
    const record = await recordOf()
    assert.equal(record?.expiry, '2026-02-01T00:00:00Z')
    assert.ok(record?.lastSuccess)
  })

  it('is dropped for an older run without a word', async () => {
    await act(async () => ({ messages }))
    const dropped = await oncePerTarget({ ...work, run: older }, queue.targets, received, () => assert.fail())
    assert.deepEqual(dropped, [])
  })

  it('lets only the last of two holders report, and the other touches nothing', async () => {
    const atWork = latch()
    const mayEnd = latch()
    const first = act(async () => {
      atWork.open()
      await mayEnd.opened
      return { messages: [] }
    })
    await atWork.opened
    const second = await act(async () => ({ messages }))
    mayEnd.open()
    await assert.rejects(first, ClaimLost)
    assert.deepEqual(second, messages)
    assert.equal((await recordOf())?.ended?.kind, 'done')
  })

  it('is not reported as failed by a holder that lost it', async () => {
    const atWork = latch()
    const mayEnd = latch()
    const first = act(async () => {
      atWork.open()
      await mayEnd.opened
      throw new Permanent(failed)
    })
    await atWork.opened
    await act(async () => ({ messages }))
    mayEnd.open()
    await assert.rejects(first, ClaimLost)
  })

  it('is tried again quietly, then reported once, then tried ever more slowly', async () => {
    const seen: [number, boolean][] = []
    for (let attempt = 1; attempt <= 7; attempt++) {
      const thrown = await fail(new Transient(failed))
      assert.ok(thrown instanceof RetryLater)
      seen.push([thrown.delayMs, thrown.failure === failed])
      await thrown.markReported?.()
    }
    assert.deepEqual(seen, [
      [70, false],
      [70, false],
      [1_000, true],
      [2_000, false],
      [4_000, false],
      [5_000, false],
      [5_000, false],
    ])
    const [late] = await act(async () => ({ messages }))
    const since = (await recordOf())?.reportedAt
    assert.ok(since)
    assert.deepEqual(late?.body, { ...fact.body, recovered: { since } }, 'a late success is a recovery')
  })

  it('is reported again when the report was not stored', async () => {
    for (let attempt = 1; attempt <= 2; attempt++) await fail(new Transient(failed))
    for (let attempt = 3; attempt <= 4; attempt++) {
      const thrown = await fail(new Transient(failed))
      assert.ok(thrown instanceof RetryLater && thrown.failure === failed, `attempt ${attempt}`)
    }
  })

  it('ends for good after a permanent failure, which is told again when it comes back', async () => {
    const thrown = await fail(new Permanent(failed))
    assert.ok(thrown instanceof Permanent && thrown.failure === failed)
    await assert.rejects(
      act(() => assert.fail('not again')),
      (error: unknown) => {
        assert.ok(error instanceof Permanent)
        assert.deepEqual(error.failure, failed)
        return true
      },
    )
  })

  it('takes an error that nobody expected for one that may pass', async () => {
    const thrown = [
      await fail(new TypeError('planted')),
      await fail(new TypeError('planted')),
      await fail(new TypeError('planted')),
    ]
    const last = thrown.at(-1)
    assert.ok(last instanceof RetryLater && last.failure?.code === 'unexpected')
    assert.equal(last.failure.message, 'An unexpected error, see the log of this run.')
  })

  it('does not count an attempt that had to wait for others', async () => {
    for (let attempt = 1; attempt <= 5; attempt++) {
      const thrown = await fail(new RetryLater(30))
      assert.ok(thrown instanceof RetryLater && !thrown.failure && thrown.delayMs === 30)
    }
    assert.equal((await recordOf())?.attempts, 0)
  })

  it('gives the attempt back when it is aborted', async () => {
    await fail(new Transient(failed))
    const abort = new AbortController()
    const stopped = new Error('killed')
    const thrown = oncePerTarget(work, queue.targets, { ...received, signal: abort.signal }, async () => {
      abort.abort()
      throw stopped
    })
    await assert.rejects(thrown, stopped)
    assert.equal((await recordOf())?.attempts, 1)
  })

  it('keeps when the token there ends where nothing new is known, and forgets it where there is none now', async () => {
    const expiry = '2026-02-01T00:00:00Z'
    const inRun = (next: string, acted: Acted) =>
      oncePerTarget({ ...work, run: next }, queue.targets, received, async () => acted)
    await act(async () => ({ messages, expiry }))
    const [, , later = '', last = ''] = makeRuns(4)
    await inRun(later, { messages: [] })
    assert.equal((await recordOf())?.expiry, expiry)
    await inRun(last, { messages: [], expiry: null })
    assert.equal((await recordOf())?.expiry, undefined)
  })

  it('knows its target by name', async () => {
    await oncePerTarget({ ...work, target: 'n1' }, queue.targets, received, async () => ({ messages: [] }))
    assert.equal((await recordOf())?.target, 'n1')
  })

  it('is lost, and nothing else, where who does it says so or fails without having it any more', async () => {
    const lost = new ClaimLost('taken over')
    assert.equal(await fail(lost), lost)
    assert.equal((await recordOf())?.ended, undefined)
    const outrun = act(async () => {
      await act(async () => ({ messages: [] }))
      throw new Transient(failed)
    })
    await assert.rejects(outrun, ClaimLost)
  })

  it('says that it recovered in its facts alone, and only where it is known since when', async () => {
    const item = refreshWork(run)
    const thrown = await fail(new RetryLater(30, failed))
    assert.ok(thrown instanceof RetryLater && thrown.failure === failed && thrown.delayMs === 30)
    assert.equal((await recordOf())?.attempts, 0)
    await thrown.markReported?.()
    const again = await fail(new RetryLater(30, failed))
    assert.ok(again instanceof RetryLater && !again.failure && !again.markReported)
    const { reported, reportedAt: since } = (await recordOf()) ?? {}
    assert.equal(reported, true)
    assert.deepEqual(await act(async () => ({ messages: [item, fact] })), [
      item,
      { ...fact, body: { ...fact.body, recovered: { since } } },
    ])
  })

  it('says nothing of a recovery where an older release has not written down since when', async () => {
    const before = { entry: work.entry, run, holder: 'h', attempts: 1, lastAttempt: '2026-01-01T00:00:00Z' }
    await queue.targets.put(work.key, JSON.stringify({ ...before, reported: true }))
    assert.deepEqual(await act(async () => ({ messages })), messages)
  })

  it('is counted by its stage and how it ended', async () => {
    const counts = async () => {
      const { values } = await outcomesTotal.get()
      const mine = values.filter(({ labels }) => labels.stage === 'refresh')
      return new Map(mine.map(({ labels, value }) => [labels.code, value]))
    }
    const before = await counts()
    await fail(new Transient(failed))
    await fail(new TypeError('planted'))
    await fail(new RetryLater(1))
    await act(async () => ({ messages: [] }))
    nextTarget()
    await fail(new Permanent(failed))
    const now = await counts()
    assert.deepEqual(
      [failed.code, 'unexpected', 'ok'].map((code) => (now.get(code) ?? 0) - (before.get(code) ?? 0)),
      [2, 1, 1],
    )
  })

  it('says in the log what it passes over, and what nobody expected', async () => {
    const lines: Record<string, unknown>[] = []
    const log = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line)) })
    const told = { ...received, log }
    const inRun = (next: string, what: () => Promise<Acted>) =>
      oncePerTarget({ ...work, run: next }, queue.targets, told, what)
    for (const error of [new Transient(failed), new TypeError('planted')])
      await assert.rejects(
        inRun(run, () => Promise.reject(error)),
        RetryLater,
      )
    await inRun(run, async () => ({ messages }))
    for (const next of [older, run]) await inRun(next, () => assert.fail())
    assert.deepEqual(
      lines.map(({ msg, by, ending, err }) => [msg, by ?? ending ?? (err as Error | undefined)?.message]),
      [
        ['unexpected error', 'planted'],
        ['dropped: a newer run has this target', run],
        ['this run has already ended here: telling it again', 'done'],
      ],
    )
  })

  /** The bucket, of which the next questions of these kinds are not answered in time. */
  function flaky(kinds: readonly (keyof KV)[]) {
    const bus = { away: 0 }
    const kv = new Proxy(queue.targets, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) =>
          kinds.includes(key as keyof KV) && bus.away-- > 0
            ? Promise.reject(new errors.TimeoutError())
            : value.apply(target, args)
      },
    })
    return { bus, kv }
  }

  it('is not done twice because the bus was away when its end had to be written down', async () => {
    const { bus, kv } = flaky(['update'])
    let acted = 0
    const told = await act(async () => {
      acted++
      bus.away = 2
      return { messages }
    }, kv)
    assert.equal(acted, 1)
    assert.deepEqual(told, messages)
    assert.equal((await recordOf())?.ended?.kind, 'done')
  })

  it('waits for a bus that is away before it begins', async () => {
    const { bus, kv } = flaky(['get', 'create'])
    bus.away = 3
    assert.deepEqual(await act(async () => ({ messages }), kv), messages)
    assert.equal((await recordOf())?.attempts, 1)
  })

  it('keeps the failure it has found while the bus is away', async () => {
    const { bus, kv } = flaky(['get', 'update'])
    const thrown = act(async () => {
      bus.away = 3
      throw new Permanent(failed)
    }, kv)
    await assert.rejects(thrown, (error: unknown) => error instanceof Permanent && error.failure === failed)
    assert.equal((await recordOf())?.ended?.kind, 'failed')
  })

  it('is no failure of the target, and no attempt, where the bus was away in the middle of it', async () => {
    for (const error of [
      new errors.TimeoutError(),
      new Error('could not put the seal', { cause: new errors.RequestError('connection disconnected') }),
    ])
      for (let attempt = 1; attempt <= 4; attempt++) {
        const { bus, kv } = flaky(['update'])
        const thrown = act(async () => {
          bus.away = 1
          throw error
        }, kv)
        await assert.rejects(thrown, error)
      }
    const record = await recordOf()
    assert.deepEqual([record?.attempts, record?.reported, record?.ended], [0, undefined, undefined])
  })
})

describe('what is never given up', () => {
  const done = (act: () => Promise<unknown>) => neverGivingUp(act).catch((error: unknown) => error)
  it('takes a permanent failure for one that may pass, and any other as it is', async () => {
    assert.equal(await neverGivingUp(async () => 'done'), 'done')
    const passing = await done(() => Promise.reject(new Permanent(failed)))
    assert.ok(passing instanceof Transient && passing.failure === failed)
    for (const error of [new Transient(failed), new RetryLater(5), new TypeError('planted')])
      assert.equal(await done(() => Promise.reject(error)), error)
  })
})

describe('when a failure is reported', () => {
  it('is after the configured retries, once, and the wait never shrinks nor passes its limit', () => {
    const retries = fc.record({ numRetries: fc.nat(6), retrySleepMs: fc.nat(10_000) })
    const limits = fc.record({ firstMs: fc.integer({ min: 1, max: 5_000 }), longestMs: fc.nat(100_000) })
    fc.assert(
      fc.property(retries, limits, fc.integer({ min: 1, max: 60 }), (retry, backoff, attempts) => {
        let reports = 0
        let reported = false
        let last = 0
        for (let attempt = 1; attempt <= attempts; attempt++) {
          const mark = async () => {}
          const decided = decideRetry({ retry, backoff }, { attempts: attempt, reported }, failed, mark)
          const quiet = attempt <= retry.numRetries
          assert.equal(decided.failure !== undefined, !quiet && !reported)
          assert.equal(decided.markReported !== undefined, decided.failure !== undefined)
          if (decided.failure) {
            reports++
            reported = true
          }
          if (quiet) assert.equal(decided.delayMs, retry.retrySleepMs)
          else {
            assert.ok(decided.delayMs <= backoff.longestMs)
            assert.ok(decided.delayMs >= last)
            last = decided.delayMs
          }
        }
        assert.equal(reports, attempts > retry.numRetries ? 1 : 0)
      }),
    )
  })
})
