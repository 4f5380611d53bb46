/** The work on one message, whatever comes of it: what is published, what the server is told, and in which order. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsMsg } from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'
import { pino } from 'pino'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { ClaimLost, failure, Permanent, RetryLater } from '../../../../shared/contracts/errors.ts'
import { consumers, streams } from '../../../../shared/contracts/subjects.ts'
import { currentWork } from '../../../../shared/telemetry/logs/work-context.ts'
import {
  deadLettersTotal,
  messagesTotal,
  queueWaitSeconds,
} from '../../../../shared/telemetry/metrics/metrics.ts'
import {
  type Handling,
  handleMessage,
  type Received,
} from '../../../../shared/work/consume/handle-message.ts'
import { factOf, makeRuns } from '../../../support/entry.ts'
import { keepSpans } from '../../../support/kept-spans.ts'

const [run = ''] = makeRuns(1)
const body = { run, entry: 'dune_production', experiment: 'dune', role: 'production' }
const failed = failure('vault-unreachable', 'Vault does not answer.')
const text = 'undefined is not a function'

interface Given {
  readonly handle: Handling<typeof body>['handle']
  readonly report?: boolean
  readonly redelivered?: boolean
  readonly data?: string
  readonly stream?: Handling<typeof body>['stream']
  /** Before what is published under this subject is stored. */
  readonly onPublish?: (subject: string) => Promise<void>
  readonly pullGone?: () => Promise<unknown>
}

/** A consumer whose messages come one by one; all that happens, in order. */
function open(state: { stopping?: boolean; aborted?: boolean } = {}) {
  const steps: string[] = []
  const published: { subject: string; body: Record<string, unknown>; id: string | undefined }[] = []
  const lines: Record<string, unknown>[] = []
  const strikes = new Map<string, number>()
  const log = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(JSON.parse(line)) })
  const signalOf = (isAborted = false) => (isAborted ? AbortSignal.abort() : new AbortController().signal)
  const [asked, abort] = [signalOf(state.stopping), signalOf(state.aborted)]

  async function work(given: Given, seq = 7): Promise<void> {
    const tell =
      (what: string) =>
      (...words: unknown[]) =>
        void steps.push([what, ...words].join(' '))
    const message = {
      ...{ seq, subject: 'refresh.dune.production', timestampNanos: seq * 10, redelivered: false, ...given },
      timestamp: new Date(Date.now() - 120_000).toISOString(),
      info: { deliveryCount: 3, pending: 9, stream: streams.refresh },
      data: Buffer.from(given.data ?? JSON.stringify(body)),
      ...{ ack: tell('ack'), nak: tell('nak'), term: tell('term'), working: tell('working') },
    } as unknown as JsMsg
    const bus = {
      js: {
        async publish(subject: string, payload: string, { msgID }: { msgID?: string }) {
          await given.onPublish?.(subject)
          published.push({ subject, body: JSON.parse(payload), id: msgID })
          steps.push(`published ${subject}`)
          return { seq: 1 }
        },
      },
    } as unknown as Bus
    const report: Handling<typeof body>['report'] = (about, { code }, permanent) =>
      factOf(about, { code, permanent }, 'told')
    await handleMessage<typeof body>(
      {
        ...{ stream: given.stream ?? streams.refresh, consumer: consumers.refresher, handle: given.handle },
        ...(given.report && { report }),
      },
      { message, body },
      {
        ...{ bus, log, strikes, backoff: { firstMs: 100, longestMs: 1_000 } },
        stop: { asked, abort, pullGone: given.pullGone ?? (async () => undefined) },
      },
    )
  }
  const fail = (error: unknown, more: Partial<Given> = {}, seq?: number) =>
    work({ handle: () => Promise.reject(error), ...more }, seq)
  return { steps, published, lines, strikes, log, abort, work, fail }
}

const fact = 'token.ready.dune.production'

describe('the work on a message', () => {
  it('knows all that is known of it, and is known to all that is done below it', async () => {
    const { work, log, abort } = open()
    let seen: Received<typeof body> | undefined
    let below: unknown
    await work({
      async handle(received) {
        seen = received
        below = currentWork()
        return []
      },
    })
    assert.deepEqual(seen, {
      ...{ body, subject: 'refresh.dune.production', deliveries: 3, pending: 9, signal: abort, log },
    })
    assert.deepEqual(below, { run, entry: 'dune_production', credd: undefined, node: undefined })
  })

  it('is acked when what it brought is stored, and when no pull of a stopped consumer is left', async () => {
    const { work, steps, lines } = open()
    await work({
      handle: async () => [factOf(body, {}, 'one')],
      async pullGone() {
        steps.push('pull gone')
      },
    })
    assert.deepEqual(steps, [`published ${fact}`, 'pull gone', 'ack'])
    assert.deepEqual(lines, [])
  })

  it('is for ever over where it failed for good, once that is reported', async () => {
    const { fail, steps, published, lines } = open()
    await fail(new Permanent(failed), { report: true })
    assert.deepEqual(steps, [`published ${fact}`, 'term'], 'nats-server before 2.10.4 knows no reason')
    assert.deepEqual(published[0]?.body, { code: failed.code, permanent: true })
    const told = { end: 'term', deliveries: 3, code: failed.code, msg: failed.message }
    assert.deepEqual(lines, [{ level: 50, ...told }])
  })

  it('is kept as a dead letter where nobody reports it, as far as that is of use', async () => {
    const { fail, steps, published } = open()
    const letters = async () => (await deadLettersTotal.get()).values[0]?.value ?? 0
    const before = await letters()
    await fail(new Permanent(failed), { data: 'x'.repeat(4_097) })
    const dead = 'dead.refresh.refresher'
    assert.deepEqual(steps, [`published ${dead}`, 'term'])
    const { schema, at, ...told } = published[0]?.body ?? {}
    assert.ok(schema && at)
    assert.deepEqual(told, {
      ...{ reason: failed.message, subject: 'refresh.dune.production', sequence: 7 },
      body: 'x'.repeat(4_096),
    })
    assert.equal(published[0]?.id, 'dead.REFRESH.refresher.7.70')
    assert.equal(await letters(), before + 1)
  })

  it('comes again after the delay it asked for, in whole nanoseconds, and is told to nobody', async () => {
    for (const report of [true, false]) {
      const { fail, steps, lines } = open()
      await fail(new RetryLater(12.3), { report })
      assert.deepEqual(steps, ['nak 13'])
      assert.deepEqual(lines[0]?.level, 40)
      assert.deepEqual([lines[0]?.end, lines[0]?.delayMs, lines[0]?.code], ['later', 12.3, undefined])
    }
  })

  it('is reported on the way where it will be tried again, and marked only then', async () => {
    const { fail, steps, published } = open()
    const mark = async () => void steps.push('marked')
    await fail(new RetryLater(20, failed, mark), { report: true })
    assert.deepEqual(steps, [`published ${fact}`, 'marked', 'nak 20'])
    assert.deepEqual(published[0]?.body, { code: failed.code, permanent: false })
  })

  it('is not told where nobody reports it and it will be tried again', async () => {
    const { fail, steps } = open()
    await fail(new RetryLater(20, failed, () => assert.fail('nobody was told')))
    assert.deepEqual(steps, ['nak 20'])
  })

  it('comes again in a second where what was to be told could not be', async () => {
    const { fail, steps, lines } = open()
    await fail(new Permanent(failed), { report: true, onPublish: () => Promise.reject(new Error('no room')) })
    const mark = () => Promise.reject(new Error('no mark'))
    await fail(new RetryLater(20, failed, mark), { report: true })
    assert.deepEqual(steps, ['nak 1000', `published ${fact}`, 'nak 1000'])
    const untold = lines.filter(({ reason }) => reason !== undefined)
    assert.deepEqual(
      untold.map(({ reason }) => reason),
      ['no room', 'no mark'],
    )
    assert.match(String(untold[0]?.msg), /could not report a failure yet: the message will come again/)
  })

  it('is reported by a bus that was away for a moment', async () => {
    const { fail, steps } = open()
    let away = 1
    const onPublish = async () => {
      if (away-- > 0) throw new errors.TimeoutError()
    }
    await fail(new Permanent(failed), { report: true, onPublish })
    assert.deepEqual(steps, [`published ${fact}`, 'term'])
  })

  it('is somebody else’s where the claim was lost: not a word is said', async () => {
    const { fail, steps, lines } = open()
    await fail(new ClaimLost('another holder has it'), { report: true })
    assert.deepEqual(steps, [])
    const told = { end: 'abandon', deliveries: 3, msg: 'another holder has it' }
    assert.deepEqual(lines, [{ level: 30, ...told }])
  })

  it('is given back at once where it was aborted, and nothing is reported', async () => {
    const { fail, steps } = open({ stopping: true, aborted: true })
    await fail(new Permanent(failed), { report: true })
    assert.deepEqual(steps, ['nak'])
  })

  it('is given back where a stop may have been why, but what is known for good is told', async () => {
    const { fail, steps } = open({ stopping: true })
    await fail(new Error(text), { report: true })
    await fail(new Permanent(failed), { report: true })
    assert.deepEqual(steps, ['nak', `published ${fact}`, 'term'])
  })

  it('says as a line whatever was thrown', async () => {
    const { fail, lines } = open()
    await fail('no error at all')
    assert.equal(lines[0]?.msg, 'no error at all')
  })
})

describe('errors that nobody expected', () => {
  it('come again ever more slowly, and are a failure for good at the fifth in a row', async () => {
    const { fail, steps, published } = open()
    for (let times = 1; times <= 5; times++) await fail(new TypeError(text), { report: true })
    assert.deepEqual(steps, ['nak 100', 'nak 200', 'nak 400', 'nak 800', `published ${fact}`, 'term'])
    assert.deepEqual(published[0]?.body, { code: 'unexpected', permanent: true })
  })

  it('are counted for each message by itself, and forgotten with its end', async () => {
    const { fail, work, steps, strikes } = open()
    for (const seq of [1, 2]) await fail(new TypeError(text), {}, seq)
    assert.equal(strikes.size, 2)
    await work({ handle: async () => [] }, 1)
    await fail(new Permanent(failed), { report: true }, 2)
    assert.deepEqual([steps.slice(0, 2), strikes.size], [['nak 100', 'nak 100'], 0])
  })

  it('are in a row no more where a delay was asked for in between', async () => {
    const { fail, steps } = open()
    for (const error of [new TypeError(text), new RetryLater(5), new TypeError(text)]) await fail(error)
    assert.deepEqual(steps, ['nak 100', 'nak 5', 'nak 100'])
  })

  it('are neither counted nor forgotten where the bus was away', async () => {
    const { fail, steps, strikes } = open()
    const away = new Error('could not read', { cause: new errors.TimeoutError() })
    for (const error of [away, new TypeError(text), away, new TypeError(text)]) await fail(error)
    assert.deepEqual(steps, ['nak 100', 'nak 100', 'nak 100', 'nak 200'])
    assert.deepEqual([...strikes.values()], [2])
  })

  it('are one where what came back could not be stored', async () => {
    const { work, steps } = open()
    const onPublish = () => Promise.reject(new Error('refused'))
    await work({ handle: async () => [factOf(body)], onPublish })
    assert.deepEqual(steps, ['nak 100'])
  })
})

describe('what is counted of messages', () => {
  const waits = async (queue: string) =>
    (await queueWaitSeconds.get()).values.filter(({ labels }) => labels.queue === queue)
  const waited = async () => {
    const values = await waits('refresh')
    const of = (name: string) => values.find(({ metricName }) => metricName?.endsWith(name))?.value ?? 0
    return [of('_count'), of('_sum')] as const
  }

  it('is how they ended, also where that could not be told', async () => {
    const ended = async () => {
      const { values } = await messagesTotal.get()
      const mine = values.filter(({ labels }) => labels.consumer === consumers.refresher)
      return Object.fromEntries(mine.map(({ labels, value }) => [labels.end, value]))
    }
    const before = await ended()
    const { work, fail } = open()
    await work({ handle: async () => [] })
    await fail(new Permanent(failed), { report: true })
    await fail(new Permanent(failed), { report: true, onPublish: () => Promise.reject(new Error('no')) })
    const now = await ended()
    assert.deepEqual(
      ['ack', 'term', 'later'].map((end) => (now[end] ?? 0) - (before[end] ?? 0)),
      [1, 1, 1],
    )
  })

  it('is how long those of a queue had waited, once for each', async () => {
    const { work } = open()
    const [count, sum] = await waited()
    await work({ handle: async () => [] })
    const [once, seconds] = await waited()
    assert.equal(once, count + 1)
    // Whatever else this machine does meanwhile: two minutes, in seconds.
    assert.ok(seconds - sum >= 119 && seconds - sum < 1_000, `${seconds - sum}`)
    await work({ handle: async () => [], redelivered: true })
    await work({ handle: async () => [], stream: streams.tokens })
    assert.equal((await waited())[0], once)
    const queues = (await queueWaitSeconds.get()).values.map(({ labels }) => labels.queue)
    assert.ok(!queues.includes(undefined))
  })
})

describe('the span of a message', () => {
  it('says how it ended, and why', async () => {
    await using kept = keepSpans()
    const { work, fail } = open()
    await work({ handle: async () => [] })
    await fail(new Permanent(failed), { report: true })
    await fail(new RetryLater(5))
    assert.deepEqual(
      kept.spans.map(({ name, status, attributes }) => [
        name,
        attributes['managed_tokens.end'],
        attributes['error.type'],
        status.message,
      ]),
      [
        ['process refresh', 'ack', undefined, undefined],
        ['process refresh', 'term', failed.code, failed.code],
        ['process refresh', 'later', undefined, undefined],
      ],
    )
    assert.deepEqual(
      kept.spans.map(({ status }) => status.code),
      [0, 2, 0],
    )
  })
})
