/** What people ask for: by the plain means of any NATS client, and several runs at a time. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, nkeyAuthenticator } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'
import { writeFaults } from '../../sandbox/faults.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RunAnswer } from '../../services/refresher/start-run/run-request.ts'
import type { ServiceStatus } from '../../shared/work/service-status.ts'
import { useHeldSite } from '../support/held-site.ts'
import { eventually } from '../support/latch.ts'
import { findMisplaced } from '../support/site-ends.ts'
import { readMails, readPosts } from '../support/told.ts'

const dune = 'dune_production'
const mu2e = 'mu2e_production'
const nova = 'nova_analysis'
/** Only a bound for what hangs (milliseconds). */
const patient = { timeout: 30_000 }
/** Where people reach JetStream, as the README says. */
const apiPrefix = 'managed-tokens-js'
const nodes = ['dunegpvm01', 'mu2egpvm01', 'sharedgpvm01'].map((name) => `${name}.sandbox.test`)

describe('on a bus that runs', { timeout: 400_000 }, () => {
  const at = useHeldSite({
    entries: defaultEntries.filter((entry) => entryName(entry) !== 'dune-2_production'),
    holdSsh: true,
    // So that pushes wait for each other.
    settings: { distributor: { concurrency: 1 } },
  })

  describe('a plain NATS client with the operator’s seed', () => {
    /** As the `nats` program connects: nothing but address and seed. */
    async function connectPlainly(): Promise<NatsConnection & AsyncDisposable> {
      const seed = new TextEncoder().encode(readFileSync(at.pipe.supervisor.operatorSeedFile, 'utf8').trim())
      const nc = await connect({ servers: at.pipe.supervisor.url, authenticator: nkeyAuthenticator(seed) })
      return Object.assign(nc, { [Symbol.asyncDispose]: () => nc.close() })
    }

    it('starts a run with an empty body, hears the facts, and reads how it went', async () => {
      await using nc = await connectPlainly()
      const heard: string[] = []
      nc.subscribe('token.>', { callback: (_error, { subject }) => void heard.push(subject) })
      await nc.flush()
      const answer = (await nc.request('managed-tokens.run', '', patient)).json<RunAnswer>()
      assert.deepEqual(answer, { run: answer.run, entries: [dune, mu2e, nova], joined: {} })
      assert.match(answer.run, /^[0-9A-HJKMNP-TV-Z]{26}$/)
      await at.endOf(answer.run, answer.entries)
      await nc.flush()
      assert.deepEqual([...new Set(heard)].sort(), [
        'token.pushed.dune.production',
        'token.pushed.mu2e.production',
        'token.pushed.nova.analysis',
        'token.ready.dune.production',
        'token.ready.mu2e.production',
        'token.ready.nova.analysis',
        'token.stored.dune.production',
        'token.stored.mu2e.production',
      ])
      const status = (await nc.request('managed-tokens.status', '', patient)).json<RunStatus>()
      assert.deepEqual([status.run, status.page, status.pages, status.totals.done], [answer.run, 1, 1, 8])
      const second = (
        await nc.request('managed-tokens.status', JSON.stringify({ run: answer.run, page: 2 }), patient)
      ).json<RunStatus>()
      assert.deepEqual([second.page, second.entries], [2, []])
    })

    it('asks how the services stand', async () => {
      await using nc = await connectPlainly()
      const { services } = (await nc.request('managed-tokens.services', '', patient)).json<{
        services: ServiceStatus[]
      }>()
      const shown = services.map(({ entry, account, uid, nodes, credds, failing }) => ({
        entry,
        account,
        uid,
        nodes: nodes.length,
        credds: credds.length,
        failing,
      }))
      assert.deepEqual(shown, [
        { entry: dune, account: 'dunepro', uid: 50762, nodes: 2, credds: 1, failing: [] },
        { entry: mu2e, account: 'mu2epro', uid: 44592, nodes: 2, credds: 2, failing: [] },
        { entry: nova, account: 'novaana', uid: 46301, nodes: 1, credds: 0, failing: [] },
      ])
      for (const { lastSuccess, tokenExpiry } of services) {
        assert.ok(Date.parse(lastSuccess ?? '') <= Date.now())
        assert.ok(Date.parse(tokenExpiry ?? '') > Date.now() + 24 * 3_600_000)
      }
    })

    it('lists the streams and the daemons', async () => {
      await using nc = await connectPlainly()
      const jsm = await jetstreamManager(nc, { apiPrefix, checkAPI: false })
      const names: string[] = []
      for await (const name of jsm.streams.names()) names.push(name)
      for (const name of ['TOKENS', 'REFRESH', 'STORE', 'PUSH', 'NOTIFY', 'DEAD'])
        assert.ok(names.includes(name), name)
      const daemons: string[] = []
      for await (const message of await nc.requestMany('$SRV.PING', '', {
        strategy: 'count',
        maxMessages: 4,
        maxWait: patient.timeout,
      }))
        daemons.push(message.json<{ name: string }>().name)
      assert.deepEqual(
        daemons.sort(),
        ['distributor', 'notifier', 'refresher', 'storer'].map((name) => `managed-tokens-${name}`),
      )
    })

    it('is told what is wrong with a request, in the body and in the headers of ADR-32', async () => {
      await using nc = await connectPlainly()
      const refused = async (subject: string, body: string) => {
        const { headers, ...message } = await nc.request(subject, body, patient).then((one) => ({
          headers: one.headers,
          json: one.json<{ error: { code: string; message: string } }>(),
        }))
        assert.equal(headers?.get('Nats-Service-Error-Code'), '400')
        assert.equal(headers?.get('Nats-Service-Error'), message.json.error.message)
        return message.json.error
      }
      assert.equal((await refused('managed-tokens.run', '{"push":')).code, 'bad-request')
      assert.match((await refused('managed-tokens.run', '{"push":"no"}')).message, /^push: /)
      assert.equal((await refused('managed-tokens.run', '{"pusch":false}')).code, 'bad-request')
      assert.deepEqual(
        await refused('managed-tokens.run', '{"services":["dune_prodution","mu2e_production"]}'),
        {
          code: 'unknown-service',
          message: 'No service dune_prodution; did you mean dune_production?',
        },
      )
      assert.match(
        (await refused('managed-tokens.run', '{"experiment":"mu2"}')).message,
        /did you mean mu2e\?/,
      )
      assert.equal(
        (await refused('managed-tokens.status', '{"run":"01J00000000000000000000000"}')).code,
        'unknown-run',
      )
      const long = JSON.stringify({ services: ['x'.repeat(600_000)] })
      assert.match((await refused('managed-tokens.run', long)).message, /^services\.0: Too big/)
      const rude = JSON.stringify({ services: ['dune_production\r\nx: y\0'] })
      assert.match(
        (await refused('managed-tokens.run', rude)).message,
        /^No service dune_production x: y; did you mean/,
      )
      assert.equal((await refused('managed-tokens.status', '{"a\\rb":1}')).code, 'bad-request')
      assert.equal((await refused('managed-tokens.uids.refresh', '{"account":"x"}')).code, 'bad-request')
    })

    it('cannot tell the daemons a fact, give them work, or open a bucket', async () => {
      await using nc = await connectPlainly()
      const jsm = await jetstreamManager(nc, { apiPrefix, checkAPI: false })
      const before = (await jsm.streams.info('TOKENS')).state.last_seq
      for (const subject of [
        'token.ready.dune.production',
        'run.started',
        'push.dune.production.evil',
        '$KV.sealed.dune=5Fproduction',
      ])
        await assert.rejects(jetstream(nc).publish(subject, '{}', patient), /permissions violation/i, subject)
      await assert.rejects(jsm.streams.getMessage('KV_sealed', { seq: 1 }), /permissions violation/i)
      assert.equal((await jsm.streams.info('TOKENS')).state.last_seq, before)
    })
  })

  describe('two runs at once', () => {
    it('the newer takes over what waits, the older ends what it has begun', async () => {
      const logins = nodes.map((node) => `ssh:${node}`)
      at.stopAt(...logins)
      const older = await at.pipe.startRun()
      await Promise.any(logins.map(at.isHeld))
      const isHeldUp = ({ waiting }: RunStatus) => waiting === 5
      await at.pipe.untilStatus(older.run, 'its pushes wait, one has begun', isHeldUp)
      const newer = await at.pipe.startRun()
      assert.deepEqual(newer.entries, older.entries)
      assert.deepEqual(newer.joined, {}, 'a full run takes over, it does not join')
      await at.pipe.untilStatus(newer.run, 'its pushes wait', isHeldUp)
      at.letAllGo()
      const [before, after] = await Promise.all([at.pipe.finish(older.run), at.pipe.finish(newer.run)])
      assert.deepEqual(after.totals, { done: 8, failed: 0, superseded: 0, unfinished: 0 })
      assert.deepEqual(before.totals, { done: 4, failed: 0, superseded: 4, unfinished: 0 })
      const work = Object.entries(at.work())
      const pushes = work.flatMap(([what, times]) => (what.startsWith('push ') ? times : []))
      assert.deepEqual(pushes.sort(), [1, 1, 1, 1, 2], 'only what the older run had begun is done by both')
      assert.deepEqual(await findMisplaced(at.pipe.site), [])
      for (const { run } of [older, newer]) await at.assertToldOnce(run)
    })
  })

  describe('a run that does less', () => {
    it('push: false leaves nodes alone, and tells those of notifications_test', async () => {
      writeFaults(at.dir, { 'credd-down': ['credd2'] })
      const [mails, posts] = [await readMails(at.dir), readPosts(at.dir)]
      const { run } = await at.pipe.startRun({ services: [mu2e], push: false })
      const { totals, entries } = await at.pipe.finish(run)
      assert.deepEqual(totals, { done: 1, failed: 1, superseded: 0, unfinished: 0 })
      assert.deepEqual(
        entries.flatMap(({ targets }) => targets.map(({ kind }) => kind)),
        ['credd', 'credd'],
      )
      assert.deepEqual(await findMisplaced(at.pipe.site, [mu2e]), [
        'mu2e_production credd credd2',
        'mu2e_production node mu2egpvm01',
        'mu2e_production node sharedgpvm01',
      ])
      assert.deepEqual(
        Object.keys(at.work()).filter((what) => what.startsWith('push')),
        [],
      )
      await eventually(async () => readPosts(at.dir).length > posts.length, 'a post')
      await eventually(async () => (await readMails(at.dir)).length > mails.length, 'a mail')
      const known = new Set(mails.map(({ to, subject }) => `${to} ${subject}`))
      const told = (await readMails(at.dir)).filter(({ to, subject }) => !known.has(`${to} ${subject}`))
      assert.deepEqual(
        told.map(({ to }) => to),
        ['admin-test@sandbox.test'],
      )
      assert.deepEqual(readPosts(at.dir).length - posts.length, 1)
    })

    it('leaves to a full run under way what that is doing already', async () => {
      at.stopAt(`htgettoken:${dune}`)
      const full = await at.pipe.startRun({ services: [dune] })
      await at.isHeld(`htgettoken:${dune}`)
      await at.pipe.untilStatus(full.run, 'the ledger knows the run', () => true)
      const weaker = await at.pipe.startRun({ services: [dune, nova], push: false })
      assert.deepEqual(weaker, { run: weaker.run, entries: [nova], joined: { [dune]: full.run } })
      const silent = await at.pipe.startRun({ services: [dune], notify: false })
      assert.deepEqual(silent, { run: silent.run, entries: [], joined: { [dune]: full.run } })
      at.letAllGo()
      await at.endOf(full.run, [dune])
      assert.deepEqual((await at.pipe.finish(weaker.run)).totals, {
        done: 1,
        failed: 0,
        superseded: 0,
        unfinished: 0,
      })
      assert.equal(at.work()['refresh dune_production'], 1)
    })

    it('notify: false tells nobody of what failed', async () => {
      writeFaults(at.dir, { 'needs-onboarding': [nova] })
      const told = [(await readMails(at.dir)).length, readPosts(at.dir).length]
      const { run } = await at.pipe.startRun({ services: [nova], notify: false })
      assert.equal((await at.pipe.finish(run)).totals.failed, 1)
      assert.deepEqual([(await readMails(at.dir)).length, readPosts(at.dir).length], told)
    })
  })
})
