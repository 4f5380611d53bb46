/** The notifier as a process, with a real bus, a mail server and Slack: what they do never holds up a run, and each message ends as promised. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { simpleParser } from 'mailparser'
import { ulid } from 'ulid'
import { type Faults, writeFaults } from '../../../sandbox/faults.ts'
import { hold, release, waitHeld } from '../../../sandbox/hold.ts'
import { type Receivers, startReceivers } from '../../../sandbox/receivers.ts'
import { startDaemon, startServer } from '../../../sandbox/support/daemon.ts'
import { tellFailingRun } from '../../../sandbox/support/failing-run.ts'
import { type Bus, connectBus } from '../../../shared/bus/connect.ts'
import { ensureOwned } from '../../../shared/bus/streams/topology.ts'
import { consumers, streams } from '../../../shared/contracts/subjects.ts'
import { seedFile } from '../../../shared/daemon/state.ts'
import { eventually } from '../../support/latch.ts'
import { createRecorder } from '../../support/recorder.ts'

const experiments = { dune: { nodes: ['node1.sandbox.test'] } }

describe('the notifier', () => {
  const stack = new AsyncDisposableStack()
  const finished = createRecorder<{ run: string }>()
  let dir: string
  let site: Receivers
  let refresher: Bus
  let operator: Bus
  let notifier: { pid(): number | undefined }

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mt-notifier-'))
    stack.defer(() => rm(dir, { recursive: true, force: true }))
    site = stack.use(await startReceivers({ dir, experiments }))
    const { url } = stack.use(await startServer(site))
    const connect = async (user: 'refresher' | 'operator') =>
      stack.use(await connectBus({ servers: [url], user, seedFile: seedFile(site.layout.state, user) }))
    refresher = await connect('refresher')
    operator = await connect('operator')
    operator.nc.subscribe('run.finished', { callback: (_error, message) => finished.add(message.json()) })
    await ensureOwned(refresher, 'refresher')
    notifier = stack.use(await startDaemon('notifier', site, url))
  })
  after(() => stack.disposeAsync())

  /** A run in which everything fails, under these faults; returns when the run has ended. */
  async function runUnder(faults: Faults): Promise<string> {
    writeFaults(dir, faults)
    const run = ulid()
    await tellFailingRun(refresher, { run, experiments, deadlineMs: 60_000 })
    await finished.until(`run ${run} has ended`, (one) => one.run === run)
    return run
  }
  const outbox = async () => {
    const { num_pending, num_ack_pending } = await operator.jsm.consumers.info(
      streams.notify,
      consumers.notifierOutbox,
    )
    return num_pending + num_ack_pending
  }
  const untilEmpty = () => eventually(async () => (await outbox()) === 0, 'the outbox is empty', 90_000)

  const filesOf = (kind: 'mail' | 'slack', since: number) =>
    readdirSync(site.layout[kind])
      .filter((file) => Number.parseInt(file, 10) > since)
      .map((file) => readFileSync(join(site.layout[kind], file), 'utf8'))
  const countOf = (kind: 'mail' | 'slack') => filesOf(kind, 0).length
  const mailsSince = async (since: number) => {
    const mails = await Promise.all(filesOf('mail', since).map((text) => simpleParser(text)))
    return mails.map(({ headers, messageId, subject }) => ({
      ...{ to: String(headers.get('x-envelope-to')), id: messageId, subject },
    }))
  }
  const everybody = ['admin@sandbox.test', 'dune-operators@sandbox.test']

  it('ends a run while the mail server shows a bad certificate and Slack wants a pause, and delivers each message once, later', async () => {
    await runUnder({ 'mail-tls': true, 'slack-rate-limit': 2 })
    await eventually(async () => (await outbox()) === 3, 'three messages wait', 60_000)
    assert.deepEqual([countOf('mail'), countOf('slack')], [0, 0])
    writeFaults(dir, {})
    await untilEmpty()
    assert.deepEqual((await mailsSince(0)).map(({ to }) => to).sort(), everybody)
    assert.equal(countOf('slack'), 1)
  })

  it('killed between sending and writing that down: at most one more of each, with the same Message-ID; what Slack never answered comes once', async () => {
    const before = countOf('mail')
    hold(dir, 'mail')
    await runUnder({ 'slack-hangs': true })
    await waitHeld(dir, 'mail')
    await eventually(async () => countOf('mail') >= before + 2, 'both mails lie on the server', 60_000)
    process.kill(Number(notifier.pid()), 'SIGKILL')
    release(dir, 'mail')
    writeFaults(dir, {})
    await untilEmpty()
    const mails = await mailsSince(before)
    for (const address of everybody) {
      const theirs = mails.filter(({ to }) => to === address)
      assert.ok(theirs.length <= 2, `${theirs.length} mails to ${address}`)
      assert.equal(new Set(theirs.map(({ id }) => id)).size, 1)
    }
    assert.equal(countOf('slack'), 2)
  })

  it('tells the administrators by mail when Slack’s webhook is gone', async () => {
    const [mails, posts] = [countOf('mail'), countOf('slack')]
    await runUnder({ 'slack-error': 404 })
    await eventually(async () => countOf('mail') >= mails + 3, 'three mails have come', 60_000)
    const subjects = (await mailsSince(mails)).map(({ subject }) => subject)
    const word = /^managed-tokens: a message by Slack to admin could not be delivered: /
    assert.ok(
      subjects.some((subject) => word.test(subject ?? '')),
      `${subjects}`,
    )
    assert.equal(countOf('slack'), posts)
  })

  it('never says the webhook’s address, in its log or on the bus', async () => {
    const secret = /SLACK_ALERTS_URL: (\S+)/.exec(readFileSync(site.config, 'utf8'))?.[1] ?? ''
    const path = new URL(secret).pathname
    const places = [join(site.layout.logs, 'notifier.log'), ...everything(join(site.layout.state, 'nats'))]
    for (const file of places) assert.ok(!readFileSync(file, 'latin1').includes(path), file)
  })
})

const everything = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name))
