import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { publish, replaces } from '../../../shared/bus/publish.ts'
import { streams } from '../../../shared/contracts/subjects.ts'
import { factOf, makeRuns, refreshItem, refreshWork } from '../../support/entry.ts'
import { openRefreshQueue, type RefreshQueue } from '../../support/refresh-queue.ts'

const runs = makeRuns(12)
const [older = '', newer = '', newest = ''] = runs

describe('publishing', () => {
  let queue: RefreshQueue
  let experiment = ''
  let count = 0

  before(async () => {
    queue = await openRefreshQueue()
  })
  after(() => queue[Symbol.asyncDispose]())
  beforeEach(() => {
    experiment = `e${++count}`
  })

  const waiting = () => queue.bus.lastMessage(streams.refresh, refreshWork(older, experiment).subject)
  const waitingRun = async () => (await waiting())?.json<{ run: string }>().run

  it('puts a newer run in the place of an older one that waits', async () => {
    await queue.put(older, experiment)
    await queue.put(newer, experiment)
    assert.equal(await waitingRun(), newer)
  })

  it('never puts an older run in the place of a newer one', async () => {
    await queue.put(newer, experiment)
    await queue.put(older, experiment)
    assert.equal(await waitingRun(), newer)
  })

  it('never puts a test in the place of a full run, whose nodes would get nothing', async () => {
    await queue.put(older, experiment)
    const test = refreshWork(newer, experiment)
    await publish(queue.bus, { ...test, body: { ...test.body, mode: { push: false, notify: true } } })
    assert.equal(await waitingRun(), older)
  })

  it('does not publish the same run twice', async () => {
    await queue.put(newer, experiment)
    const first = await waiting()
    await queue.put(newer, experiment)
    assert.equal((await waiting())?.seq, first?.seq)
  })

  it('puts a run in the place of an item that cannot be read', async () => {
    const { subject } = refreshWork(older, experiment)
    for (const rubbish of ['not json', 'null', '{"run":7}']) {
      await queue.bus.js.publish(subject, rubbish)
      await queue.put(older, experiment)
      assert.equal(await waitingRun(), older, rubbish)
    }
  })

  it('leaves the newest run waiting however planners race', async () => {
    const second = await queue.nats.connect('refresher')
    try {
      const shuffled = runs.toSorted(() => Math.random() - 0.5)
      await Promise.all(
        shuffled.map((run, index) => publish(index % 2 ? queue.bus : second, refreshWork(run, experiment))),
      )
      assert.equal(await waitingRun(), runs.at(-1))
    } finally {
      await second.nc.close()
    }
  })

  it('stores a fact once for each id', async () => {
    const item = refreshItem(older, experiment)
    const subject = `token.ready.${experiment}.production`
    for (const said of ['first', 'again']) await publish(queue.bus, factOf(item, { said }, `${experiment}.1`))
    await publish(queue.bus, factOf(item, { said: 'other' }, `${experiment}.2`))
    assert.deepEqual(await queue.read(streams.tokens, subject), [{ said: 'first' }, { said: 'other' }])
  })

  it('throws where the server refuses', async () => {
    const fact = { kind: 'fact' as const, subject: 'token.pushed.dune.production', id: 'x', body: {} }
    await assert.rejects(publish(queue.bus, fact))
  })
})

describe('whether a run replaces what waits', () => {
  const full = { push: true, notify: true }
  const test = { push: false, notify: true }
  const muted = { push: true, notify: false }
  for (const [says, item, waiting, expected] of [
    ['a newer run does', { run: newest }, { run: older }, true],
    ['the same run does not: it is there already', { run: newer }, { run: newer }, false],
    ['an older run does not', { run: older }, { run: newer }, false],
    ['any run replaces what cannot be read', { run: older }, undefined, true],
    [
      'a newer test does not replace a full run',
      { run: newest, mode: test },
      { run: older, mode: full },
      false,
    ],
    ['a newer muted run does not either', { run: newest, mode: muted }, { run: older, mode: full }, false],
    ['a newer full run replaces a test', { run: newest, mode: full }, { run: older, mode: test }, true],
    ['a newer test replaces a test', { run: newest, mode: test }, { run: older, mode: test }, true],
    [
      'an older full run does not replace a test',
      { run: older, mode: full },
      { run: newest, mode: test },
      false,
    ],
  ] as const)
    it(says, () => assert.equal(replaces(item, waiting), expected))
})
