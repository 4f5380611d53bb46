import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KV } from '@nats-io/kv'
import { nanos } from '@nats-io/nats-core'
import { context, trace } from '@opentelemetry/api'
import pino from 'pino'
import { sendDigests } from '../../../../services/notifier/digest/send-digests.ts'
import { startDigests } from '../../../../services/notifier/digest/start-digests.ts'
import { handleFact, type NotifierDeps } from '../../../../services/notifier/handle.ts'
import { addNews } from '../../../../services/notifier/news/news-store.ts'
import type { Bus } from '../../../../shared/bus/connect.ts'
import { type Outgoing, publishAll } from '../../../../shared/bus/publish.ts'
import type { Site } from '../../../../shared/config/site.ts'
import { failure } from '../../../../shared/contracts/errors.ts'
import type { Notification } from '../../../../shared/contracts/messages.ts'
import { nextRunId } from '../../../../shared/contracts/run-id.ts'
import { streams } from '../../../../shared/contracts/subjects.ts'
import type { Received } from '../../../../shared/work/consume/handle-message.ts'
import { keepSpans } from '../../../support/kept-spans.ts'
import { eventually } from '../../../support/latch.ts'
import { type NotifierBus, openNotifierBus } from '../../../support/notifier.ts'
import { dune, siteOf } from '../../build.ts'
import { piece, recipients } from '../pieces.ts'

const minuteMs = 60_000
const nodes = ['node1.lab.example', 'node2.lab.example']
const full = { push: true, notify: true }
let last: string | undefined
function newRun(): string {
  last = nextRunId(last, Date.now())
  return last
}

describe('telling people', () => {
  let on: NotifierBus
  before(async () => {
    on = await openNotifierBus()
  })
  after(() => on?.[Symbol.asyncDispose]())

  const site = siteOf(recipients)
  const everybody = ['email admin@lab.example', 'email dune@lab.example', 'slack admin']
  const who = (messages: readonly Notification[]) =>
    messages.map(({ channel, to }) => `${channel} ${to}`).toSorted()
  const headlines = (messages: readonly Notification[], to = 'admin@lab.example') =>
    messages.find((message) => message.to === to)?.rows?.map(({ headline }) => headline)

  /** A run of dune_production in which each node works or does not, as the other daemons tell it, so long ago. */
  async function runAgo(minutes: number, works: readonly boolean[], mode = full): Promise<string> {
    const run = newRun()
    const at = (later = 0) => new Date(Date.now() - (minutes - later) * minuteMs).toISOString()
    const of = { schema: '1.0', run, ...dune }
    const deadline = new Date(Date.now() + minuteMs).toISOString()
    const plan = { ...of, at: at(), deadline, configHash: 'x', trigger: 'schedule', mode }
    const token = {
      tokenId: run,
      expiry: deadline,
      key: 'dune',
      revision: 1,
      uid: 1,
      reused: false,
      credds: [],
    }
    await on.publish('run.started', `${run}.started`, { ...plan, entries: [{ ...dune, nodes }] })
    await on.publish('token.ready.dune.production', `${run}.ready`, {
      ...of,
      at: at(1),
      deadline,
      mode,
      ...token,
    })
    for (const [index, node] of nodes.entries()) {
      const why = {
        code: 'node-unreachable',
        message: `${node} did not answer.`,
        action: 'Look.',
        permanent: true,
      }
      if (works[index])
        await on.publish('token.pushed.dune.production', `${run}.${node}`, {
          ...{ ...of, at: at(2), node, tokenId: run, expiry: deadline },
        })
      else
        await on.publish('token.failed.dune.production', `${run}.${node}`, {
          ...{ ...of, at: at(2), stage: 'push', target: node, ...why },
        })
    }
    return run
  }

  it('after six hours without a notifier is one digest an addressee, with everything in it and nothing twice', async () => {
    const runs: string[] = []
    for (const [hour, works] of [
      [true, true],
      [false, true],
      [false, false],
      [false, true],
      [false, true],
      [true, true],
    ].entries())
      runs.push(await runAgo(360 - 60 * hour, works))
    const deps = await on.deps(() => site)
    {
      await using _ = await on.listen(deps)
      await on.settle(deps)
    }
    const messages = await on.takeOutbox()
    assert.deepEqual(who(messages), everybody)
    assert.deepEqual(headlines(messages), [
      'dune_production: token on node1.lab.example again after 4h (4 runs)',
      'dune_production: token on node2.lab.example again after 1h (1 run)',
    ])
    for (const run of runs) assert.ok((await deps.ledger.readRun(run))?.finished)
    const next = await on.deps(() => site)
    await using _ = await on.listen(next)
    await on.settle(next)
    assert.deepEqual(await on.takeOutbox(), [])
  })

  it('that a node fails, and later that it works, is a message each, and nothing in between', async () => {
    const deps = await on.deps(() => ({ ...site, errorCountToSendMessage: 2 }))
    await using _ = await on.listen(deps)
    const told: (string[] | undefined)[] = []
    for (const works of [false, false, false, true, true]) {
      await runAgo(0, [works, true])
      await on.settle(deps)
      told.push(headlines(await on.takeOutbox())?.map((one) => one.replace(/ (since|after) .*\(/, ' ($1 ')))
    }
    assert.deepEqual(told, [
      undefined,
      ['dune_production: token not on node1.lab.example (since 2 runs)'],
      undefined,
      ['dune_production: token on node1.lab.example again (after 3 runs)'],
      undefined,
    ])
  })

  it('that somebody has to log in is a message at once, whatever the threshold, with the command; an outage is not', async () => {
    const deps = await on.deps(() => ({ ...site, errorCountToSendMessage: 3 }))
    await using _ = await on.listen(deps)
    const told: string[][] = []
    for (const code of ['vault-unreachable', 'authentication-needed', 'authentication-needed'] as const) {
      const run = newRun()
      const of = { schema: '1.0', run, at: new Date().toISOString(), ...dune }
      const deadline = new Date(Date.now() + minuteMs).toISOString()
      await on.publish('run.started', `${run}.started`, {
        ...{
          ...of,
          deadline,
          configHash: 'x',
          trigger: 'schedule',
          mode: full,
          entries: [{ ...dune, nodes }],
        },
      })
      await on.publish('token.failed.dune.production', `${run}.failed`, {
        ...{
          ...of,
          stage: 'refresh',
          permanent: true,
          ...failure(code, 'No token.', { service: dune.service }),
        },
      })
      await on.settle(deps)
      const messages = (await on.takeOutbox()).filter(({ channel }) => channel === 'email')
      told.push(messages.map(({ to, text }) => `${to} ${text}`))
    }
    const login = (first: RegExp) =>
      new RegExp(
        `${first.source}\\n.*\\n(.*affects: .*\\n)?.*to do: .*managed-tokens onboard dune_production`,
      )
    // The nodes reach the threshold of their stakeholders with the third run.
    const [outage, first, third] = told
    assert.deepEqual([outage, first?.length, third?.length], [[], 1, 1])
    assert.match(
      first?.join() ?? '',
      login(/^admin@lab\.example dune_production: no token since .*: somebody has to log in/),
    )
    assert.match(
      third?.join() ?? '',
      login(/^dune@lab\.example dune_production: token not on node1\.lab\.example since .* \(3 runs\)/),
    )
  })

  it('of a test that went well goes to Slack, and of a muted run to nobody', async () => {
    const deps = await on.deps(() => site)
    await using _ = await on.listen(deps)
    await runAgo(0, [false, false], { push: true, notify: false })
    const run = newRun()
    const at = new Date().toISOString()
    const mode = { push: false, notify: true }
    const of = { schema: '1.0', run, at, deadline: new Date(Date.now() + minuteMs).toISOString(), mode }
    await on.publish('run.started', `${run}.started`, {
      ...{ ...of, configHash: 'x', trigger: 'request', entries: [{ ...dune, nodes }] },
    })
    await on.publish('token.ready.dune.production', `${run}.ready`, {
      ...{
        ...of,
        ...dune,
        tokenId: run,
        expiry: at,
        key: 'dune',
        revision: 1,
        uid: 1,
        reused: false,
        credds: [],
      },
    })
    await on.settle(deps)
    const messages = await on.takeOutbox()
    assert.deepEqual(who(messages), ['slack admin_test'])
    assert.match(messages[0]?.subject ?? '', /Test run completed successfully$/)
  })

  it('links to the trace that the run began with', async () => {
    await using _ = keepSpans()
    const traced: Site = {
      ...site,
      notifier: { ...site.notifier, traceLink: 'https://traces.lab.example/{{.TraceID}}' },
    }
    const deps = await on.deps(() => traced)
    await using __ = await on.listen(deps)
    const root = trace.getTracer('test').startSpan('run')
    await context.with(trace.setSpan(context.active(), root), () => runAgo(0, [false, true]))
    await on.settle(deps)
    const links = (await on.takeOutbox()).map(({ traceUrl }) => traceUrl)
    assert.deepEqual(new Set(links), new Set([`https://traces.lab.example/${root.spanContext().traceId}`]))
  })

  it('of forty messages that could not be handled at once is one message an administrator', async () => {
    const deps = await on.deps(() => site)
    const at = new Date().toISOString()
    const letters = Array.from({ length: 40 }, (_, sequence) => ({
      ...{ schema: '1.0', at, reason: `Not JSON (${sequence}).`, subject: 'token.ready.dune.production' },
      ...{ sequence, body: '' },
    }))
    await publishAll(
      on.bus,
      letters.map((body) => ({
        ...{ kind: 'fact', subject: 'dead.tokens.notifier', id: `dead.${body.sequence}`, body },
      })),
    )
    await using _ = await on.listen(deps)
    await on.settle(deps)
    const messages = await on.takeOutbox()
    assert.deepEqual(who(messages), ['email admin@lab.example', 'slack admin'])
    for (const { rows } of messages)
      assert.deepEqual(
        new Set(rows?.map(({ message }) => message)),
        new Set(letters.map(({ reason }) => reason)),
      )
  })

  it('is nothing to ask the bus for when facts come that bring no news', async () => {
    const deps = await on.deps(() => site)
    const asked: string[] = []
    const consumers = new Proxy(on.bus.jsm.consumers, {
      get: (_, name: string) => asked.push(name),
    })
    const bus = { ...on.bus, jsm: { ...on.bus.jsm, consumers } } as unknown as Bus
    const log = pino({ level: 'silent' })
    await using digests = startDigests({ ...on, ...deps, bus, log }, { quietMs: 0, mostMs: 0 })
    for (const _ of nodes) {
      const run = newRun()
      const of = { schema: '1.0', run, at: new Date().toISOString(), trigger: 'schedule' }
      const fact = { subject: 'run.uids', body: { ...of, known: [], failed: [] }, deliveries: 1 }
      await handleFact(fact as unknown as Received<never>, { ...deps, news: digests })
    }
    await on.untilHeard()
    assert.deepEqual(asked, [])
  })

  it('waits for a bus that is never quiet no longer than is said', async () => {
    const deps = await on.deps(() => site)
    const run = newRun()
    const of = { schema: '1.0', run, at: new Date().toISOString(), trigger: 'schedule' }
    // Nobody listens.
    await on.publish('run.uids', `${run}.uids`, { ...of, known: [], failed: [] })
    {
      await using digests = startDigests(
        { ...on, ...deps, log: pino({ level: 'silent' }) },
        { quietMs: 1, mostMs: 50 },
      )
      await digests.add(newRun(), [piece('dune_production', 'node', 'busy')])
      await eventually(async () => !(await on.hasNews()), 'all news sent')
    }
    assert.deepEqual(who(await on.takeOutbox()), everybody)
    await using _ = await on.listen(deps)
    await on.untilHeard()
  })

  const addOne = (name: string) => addNews(on.runs, newRun(), [piece('dune_production', 'node', name)])
  const tell = (
    deps: NotifierDeps,
    publish: (messages: readonly Outgoing[]) => Promise<void>,
    runs: KV = on.runs,
  ) => sendDigests({ ...deps, runs, publish }, new Date())

  it('goes on with what a notifier left half told, under the same ids', async () => {
    const deps = await on.deps(() => site)
    await addOne('half')
    const first: Outgoing[] = []
    await assert.rejects(
      tell(deps, async (messages) => {
        first.push(...messages)
        await publishAll(on.bus, messages.slice(0, 1))
        throw new Error('killed')
      }),
      /killed/,
    )
    await addOne('later')
    await tell(await on.deps(() => site), (messages) => publishAll(on.bus, messages))
    const messages = await on.takeOutbox()
    assert.deepEqual(who(messages), everybody)
    assert.deepEqual(
      messages.map(({ id }) => id),
      first.map((one) => 'id' in one && one.id),
    )
    assert.ok(!JSON.stringify(messages).includes('later'))
    await tell(deps, (more) => publishAll(on.bus, more))
    assert.ok((await on.takeOutbox()).every(({ text }) => text.includes('later')))
  })

  /** The same bucket, of which nothing comes through any more from the `failing`th change on. */
  function dyingAt(failing: number): KV {
    let changes = 0
    const change = async <T>(make: () => Promise<T>): Promise<T> => {
      changes += 1
      if (changes >= failing) throw new Error('killed')
      return make()
    }
    const { runs } = on
    const dying: Partial<KV> = {
      create: (...what) => change(() => runs.create(...what)),
      put: (...what) => change(() => runs.put(...what)),
      delete: (...what) => change(() => runs.delete(...what)),
    }
    return Object.assign(Object.create(runs) as KV, dying)
  }

  it('is the same message each time it is put into the outbox, at whichever step a notifier dies', async () => {
    const deps = await on.deps(() => site)
    for (let failing = 1, died = true; died; failing += 1) {
      for (const name of ['early', 'late']) await addOne(`${name}${failing}`)
      const queued: Notification[] = []
      const publish = async (messages: readonly Outgoing[]) =>
        void queued.push(...messages.map(({ body }) => body as Notification))
      died = await tell(deps, publish, dyingAt(failing)).then(
        () => false,
        () => true,
      )
      for (let looks = 0; looks < 2; looks += 1) await tell(deps, publish)
      const different = new Map(queued.map((one) => [JSON.stringify(one), one]))
      assert.deepEqual(who([...different.values()]), everybody, `killed at change ${failing}`)
      for (const { text } of different.values())
        assert.match(text, new RegExp(`early${failing} [^]*late${failing} `))
    }
  })

  it('lies in the outbox once for as long as it is tried there', async () => {
    const { config } = await on.bus.jsm.streams.info(streams.notify)
    assert.equal(config.duplicate_window, nanos(24 * 60 * minuteMs))
  })

  it('of which two notifiers took different batches is told by the first', async () => {
    const deps = await on.deps(() => site)
    const run = newRun()
    const kept = [piece('dune_production', 'node', 'slow')]
    await addNews(on.runs, run, kept)
    await tell(deps, (messages) => publishAll(on.bus, messages))
    assert.equal((await on.takeOutbox()).length, everybody.length)
    // Whoever was about to keep it when it had not been told yet.
    await on.runs.create(`news.${run}.0`, JSON.stringify(kept))
    await addOne('next')
    await tell(deps, (messages) => publishAll(on.bus, messages))
    const messages = await on.takeOutbox()
    assert.deepEqual(who(messages), everybody)
    assert.ok(messages.every(({ text }) => text.includes(' next ') && !text.includes(' slow ')))
  })

  it('by two notifiers at once is once each', async () => {
    const [one, two] = [await on.deps(() => site), await on.deps(() => site)]
    for (const name of ['a', 'b', 'c']) {
      await addOne(name)
      const publish = (messages: readonly Outgoing[]) => publishAll(on.bus, messages)
      await Promise.all([tell(one, publish), tell(two, publish), tell(one, publish)])
    }
    const texts = (await on.takeOutbox()).filter(({ to }) => to === 'admin').map(({ text }) => text)
    for (const name of ['a', 'b', 'c'])
      assert.equal(texts.filter((text) => text.includes(`not on ${name} `)).length, 1)
  })

  it('of what was told already is silent, though it is known a second time', async () => {
    const deps = await on.deps(() => site)
    const run = newRun()
    for (let times = 0; times < 2; times += 1) {
      await addNews(on.runs, `${run}.dune`, [piece('dune_production', 'node', 'twice')])
      await tell(deps, (messages) => publishAll(on.bus, messages))
    }
    assert.equal((await on.takeOutbox()).length, everybody.length)
  })
})
