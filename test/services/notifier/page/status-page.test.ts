/** The status page on a real bus: it knows what is there when it starts, and hears what changes, whichever notifier serves it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import pino from 'pino'
import { failingKey } from '../../../../services/notifier/failures/failure-store.ts'
import { openStatusPage, type StatusPage } from '../../../../services/notifier/page/status-page.ts'
import { schemaVersion } from '../../../../shared/contracts/messages.ts'
import { tokenSubject } from '../../../../shared/contracts/subjects.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { eventually } from '../../../support/latch.ts'
import { type NotifierBus, openNotifierBus } from '../../../support/notifier.ts'
import { at, dune, readyOf, runIds, siteOf } from '../../build.ts'
import { doneAt, failedWith, keys } from './known.ts'

const site = siteOf('notifier: { statusPage: { port: 0 } }')
const settings = site.notifier.statusPage
const log = pino({ level: 'silent' })
const [run] = runIds
const node2 = 'node2.lab.example'

describe('the status page on a bus', () => {
  const stack = new AsyncDisposableStack()
  let bus: NotifierBus
  let pages: StatusPage[]

  const open = async (): Promise<StatusPage> => {
    assert.ok(settings)
    const deps = { ...(await bus.deps(() => site)), bus: bus.bus, runs: bus.runs }
    return stack.use(await openStatusPage(settings, { ...deps, log }))
  }
  const read = async ({ port }: StatusPage, path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const put = (key: string, record: TargetRecord) => bus.targets.put(key, JSON.stringify(record))
  const tell = (fact: 'started' | 'failed', body: object) =>
    bus.publish(fact === 'started' ? 'run.started' : tokenSubject(fact, dune), `${fact}.${Math.random()}`, {
      ...{ schema: schemaVersion, run, at: at(0), ...body },
    })

  before(async () => {
    bus = stack.use(await openNotifierBus())
    stack.use(await bus.listen(await bus.deps(() => site)))
    const { expiry, mode, deadline } = readyOf()
    const entries = [{ ...dune, nodes: ['node1.lab.example', node2] }]
    await tell('started', { deadline, mode, configHash: '', trigger: 'request', entries })
    await put(keys.node1, doneAt(3, { expiry }))
    // What the distributor leaves when it has told of a failure and goes on trying.
    await put(keys.node2, { ...doneAt(-60, { reported: true }), target: node2, ended: undefined } as never)
    const stage = { stage: 'push', target: node2, permanent: false }
    await tell('failed', {
      ...{ ...dune, ...stage, code: 'disk-full', message: 'No space on node2.', action: 'Free some.' },
    })
    await bus.untilHeard()
    pages = [await open(), await open()]
  })
  after(() => stack.disposeAsync())

  it('knows from the ledger why something fails that was reported before it was there', async () => {
    for (const page of pages) {
      const shown = await read(page, '/experiments/dune')
      assert.match(shown, /No space on node2\./)
      assert.match(shown, /Free some\./)
      assert.match(shown, /Last runs[\s\S]*<a class="(failed|waiting)" href="\/runs\/01J0{22}A"/)
    }
  })

  it('hears of each change, and tells those who look on', async () => {
    const streams = await Promise.all(
      pages.map(async ({ port }) => listen(await fetch(`http://127.0.0.1:${port}/live`))),
    )
    await put(keys.node1, failedWith('connection-refused', 'Nothing listens.'))
    for (const stream of streams) {
      await stream.until(/event: part\ndata: <li class="row failing"[^\n]*node1 <b>failing<\/b>/)
      await stream.until(/event: part\ndata: <div id="summary"/)
    }
    await put(keys.node1, doneAt(4))
    for (const stream of streams) await stream.until(/node1 <b>(old|fresh)<\/b>/)
    for (const stream of streams) stream.end()
  })

  it('counts the runs in a row', async () => {
    const count = { count: 0, since: at(-90), runs: 7, lastRun: run, told: false, heard: true, heardAs: [] }
    const key = failingKey({ entry: dune.entry, kind: 'node', name: node2 })
    await bus.failures.put(key, JSON.stringify(count))
    await eventually(
      async () => /\(7 runs\)/.test(await read(pages[0] as StatusPage, '/experiments/dune')),
      'the count is on the page',
    )
  })

  it('takes what cannot be read for absent', async () => {
    await bus.targets.put('push.nova.production.node1_lab_example', '{"entry":')
    await bus.targets.put(keys.node2, JSON.stringify({ entry: 'dune_production' }))
    await eventually(
      async () => !/No space/.test(await read(pages[0] as StatusPage, '/experiments/dune')),
      'it was looked at',
    )
    for (const path of ['/', '/experiments/nova', '/api/services', '/api/experiments/dune'])
      assert.match(await read(pages[0] as StatusPage, path), /nova|dune/)
  })
})

/** A stream of events, read as it comes. */
function listen(answer: Response) {
  let text = ''
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  const reading = (async () => {
    for (;;) {
      const { done, value } = (await reader?.read().catch(() => ({ done: true, value: '' }))) ?? {
        done: true,
      }
      if (done) return
      text += value ?? ''
    }
  })()
  return {
    until: (what: RegExp) => eventually(async () => what.test(text), `${what}`),
    end: async () => {
      await reader?.cancel()
      await reading
    },
  }
}
