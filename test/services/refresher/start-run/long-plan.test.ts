import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { answerOf, openRunRequests } from '../../../../services/refresher/start-run/run-request.ts'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { ensureOwned } from '../../../../shared/bus/streams/topology.ts'
import type { Entry, Site } from '../../../../shared/config/site.ts'
import type { RunStarted } from '../../../../shared/contracts/messages.ts'
import { buckets, streams } from '../../../../shared/contracts/subjects.ts'
import { startTestNats, type TestNats } from '../../../support/nats.ts'
import { entryOf, nothingRevoked, siteOf } from '../../build.ts'

let nats: TestNats
let bus: Bus
let notifier: Bus

before(async () => {
  nats = await startTestNats()
  notifier = await nats.connect('notifier')
  bus = await nats.connect('refresher')
  await ensureOwned(notifier, 'notifier')
  await ensureOwned(bus, 'refresher')
})
after(async () => {
  await bus?.[Symbol.asyncDispose]()
  await notifier?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
})

const one = entryOf()
const entriesBy = (count: number, suffix = ''): Entry[] =>
  Array.from({ length: count }, (_, n) => ({
    ...one,
    ...{ name: `experiment${n}${suffix}_production`, experiment: `experiment${n}${suffix}` },
    nodes: Array.from({ length: 5 }, (_, k) => `submit${n}-${k}.laboratory.example`),
  }))

async function ask(entries: readonly Entry[]) {
  const site: Site = { ...siteOf(), entries }
  const runs = await bus.bucket(buckets.runs)
  const request = openRunRequests({ bus, runs, freshSite: () => site, revoked: nothingRevoked })
  const before = (await bus.jsm.streams.info(streams.tokens)).state.last_seq
  const answers = [await request({}), await request({})]
  const { last_seq } = (await bus.jsm.streams.info(streams.tokens)).state
  const plan: RunStarted[] = []
  for (let seq = before + 1; seq <= last_seq; seq += 1)
    plan.push((await bus.jsm.streams.getMessage(streams.tokens, { seq }))?.json<RunStarted>() as RunStarted)
  return { answers, plan }
}

describe('a plan', () => {
  it('of ten thousand services comes in parts that fit into messages, and is one run for who asks again', async () => {
    const entries = entriesBy(10_000)
    const { answers, plan } = await ask(entries)
    assert.equal(new Set(answers.map(({ run }) => run)).size, 1)
    assert.ok(plan.length > 1)
    assert.deepEqual(
      plan.map(({ part }) => [part?.number, part?.of]),
      plan.map((_, index) => [index + 1, plan.length]),
    )
    assert.deepEqual(
      plan.flatMap((one) => one.entries.map(({ entry, nodes }) => [entry, nodes])),
      entries.map(({ name, nodes }) => [name, nodes]),
    )
  })

  it('that fits into one message is one, as it always was', async () => {
    const { plan } = await ask(entriesBy(500))
    assert.deepEqual(
      plan.map(({ part, entries }) => [part, entries.length]),
      [[undefined, 500]],
    )
  })

  it('of other services with as many in its last part is another run', async () => {
    const [first] = (await ask(entriesBy(10_000, 'a'))).answers
    const [other] = (await ask([one, ...entriesBy(10_000, 'a').slice(1)])).answers
    assert.notEqual(first?.run, other?.run)
  })
})

describe('the answer to who asked for a run', () => {
  const longest = 'x'.repeat(120)

  it('fits into one message however many services are in it, and counts those it does not name', () => {
    const entries = entriesBy(10_000, longest)
    const joined = Object.fromEntries(entries.map(({ name }, n) => [name, n === 9_999 ? 'LAST' : 'FIRST']))
    const answer = answerOf('RUN', entries, joined)
    assert.ok(JSON.stringify(answer).length < 1024 * 1024)
    assert.equal(answer.entries.length + (answer.more ?? 0), 10_000)
    assert.deepEqual([...new Set(Object.values(answer.joined))], ['FIRST', 'LAST'])
  })

  it('names all of them where it can', () => {
    const answer = answerOf('RUN', entriesBy(3), {})
    assert.deepEqual([answer.entries.length, answer.more], [3, undefined])
  })
})
