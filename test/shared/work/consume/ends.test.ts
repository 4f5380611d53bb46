import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errors } from '@nats-io/nats-core'
import { backoffMs } from '../../../../shared/contracts/backoff.ts'
import { ClaimLost, failure, Permanent, RetryLater } from '../../../../shared/contracts/errors.ts'
import { decideEnd, maxUnexpected } from '../../../../shared/work/consume/ends.ts'

const failed = failure('no-credd', 'None.')
const running = { stopping: false, aborted: false }
const stopping = { stopping: true, aborted: false }
const aborted = { stopping: true, aborted: true }
const mark = async () => {}

describe('how the work of a handler that threw ends', () => {
  const sentences: Record<string, [ReturnType<typeof decideEnd>, ReturnType<typeof decideEnd>]> = {
    'a permanent failure is never tried again': [
      decideEnd(new Permanent(failed), 1, running),
      { kind: 'term', failure: failed },
    ],
    'also when the daemon is about to stop': [
      decideEnd(new Permanent(failed), 1, stopping),
      { kind: 'term', failure: failed },
    ],
    'but after an abort nothing is a failure': [
      decideEnd(new Permanent(failed), 1, aborted),
      { kind: 'handBack' },
    ],
    'nor is a failure that may pass': [
      decideEnd(new RetryLater(5, failed, mark), 1, aborted),
      { kind: 'handBack' },
    ],
    'a delay is a delay': [decideEnd(new RetryLater(5), 99, running), { kind: 'later', delayMs: 5 }],
    'with a failure it is reported on the way': [
      decideEnd(new RetryLater(5, failed, mark), 1, running),
      { kind: 'later', delayMs: 5, failure: failed, markReported: mark },
    ],
    'a lost claim is left alone, whatever else': [
      decideEnd(new ClaimLost('x'), 1, aborted),
      { kind: 'abandon' },
    ],
    'an unexpected error comes again': [
      decideEnd(new Error('x'), 1, running),
      { kind: 'later', delayMs: 1_000 },
    ],
    'and again, more slowly': [decideEnd('no error at all', 3, running), { kind: 'later', delayMs: 4_000 }],
    'a bus that is away is never a failure, however often': [
      decideEnd(new errors.TimeoutError(), 99, running),
      { kind: 'later', delayMs: 1_000 },
    ],
    'also where it is the cause of something else': [
      decideEnd(new Error('x', { cause: new errors.RequestError('connection closed') }), 99, running),
      { kind: 'later', delayMs: 1_000 },
    ],
    'while stopping it is handed back': [decideEnd(new Error('x'), 9, stopping), { kind: 'handBack' }],
  }
  for (const [sentence, [end, expected]] of Object.entries(sentences))
    it(sentence, () => assert.deepEqual(end, expected))

  it('an unexpected error that keeps coming counts as permanent, without its text', () => {
    const end = decideEnd(new Error('secret hvs.abc'), maxUnexpected, running)
    assert.ok(end.kind === 'term' && end.failure.code === 'unexpected')
    assert.doesNotMatch(JSON.stringify(end), /hvs/)
  })

  it('waits double from attempt to attempt, up to a minute', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 6, 7, 2_000].map((attempt) => backoffMs(attempt)),
      [1_000, 1_000, 2_000, 4_000, 32_000, 60_000, 60_000],
    )
  })
})
