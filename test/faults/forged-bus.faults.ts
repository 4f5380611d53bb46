/** Somebody who may write everything on the bus writes garbage and forgeries: no daemon dies, no wrong target is touched, the next run is whole. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { headers } from '@nats-io/nats-core'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { schemaVersion, timestamp } from '../../shared/contracts/messages.ts'
import { nextRunId } from '../../shared/contracts/run-id.ts'
import { buckets, daemons, notifySubject, streams } from '../../shared/contracts/subjects.ts'
import { connectAlmighty } from '../support/almighty.ts'
import { eventually } from '../support/latch.ts'
import { assertNoMisuse, findMisplaced } from '../support/site-ends.ts'
import { usePipeline } from '../support/use-pipeline.ts'

const farAway = '7ZZZZZZZZZZZZZZZZZZZZZZZZZ'
const garbage = [
  Buffer.from([0, 0xff, 0xfe]),
  Buffer.from(''),
  Buffer.from('null'),
  Buffer.from('[{}]'),
  Buffer.from(`${'['.repeat(2_000)}`),
  Buffer.from('{"__proto__":{"run":1}}'),
  Buffer.from('"a text"'),
  Buffer.from(JSON.stringify({ run: farAway, entry: 'dune_production', holder: 'h', attempts: 1 })),
]
const totals = { done: 10, failed: 0, superseded: 0, unfinished: 0 }

describe('a bus on which anything is written', { concurrency: 1, timeout: 600_000 }, () => {
  const at = usePipeline()
  let almighty: Bus
  let places: string

  before(async () => {
    const reload = () => void at.pipe.supervisor.kill('nats-server', 'SIGHUP')
    almighty = await connectAlmighty(at.pipe.site.layout.state, at.pipe.supervisor.url, reload)
    assert.deepEqual((await run()).totals, totals)
    places = listPlaces()
  })
  after(() => almighty?.nc.close())

  const run = async (): Promise<RunStatus> =>
    at.pipe.finish((await at.pipe.untilRunStarts(60_000)).run, 200_000)
  /** Where tokens lie: on which nodes, in which credds, under which names. */
  const listPlaces = () => {
    const { nodes, credds } = at.pipe.site.layout
    return [nodes, credds]
      .flatMap((root) => readdirSync(root, { recursive: true }).map(String).toSorted())
      .filter((name) => !name.includes('.managed-tokens'))
      .join('\n')
  }
  const logOf = (daemon: string) => readFileSync(join(at.pipe.site.layout.logs, `${daemon}.log`), 'utf8')
  const write = (subject: string, body: Uint8Array | object) =>
    almighty.js.publish(subject, body instanceof Uint8Array ? body : JSON.stringify(body))

  async function assertWhole(): Promise<void> {
    assert.deepEqual((await run()).totals, totals)
    assert.deepEqual(await findMisplaced(at.pipe.site), [])
    assertNoMisuse(at.pipe.site)
    assert.equal(listPlaces(), places, 'tokens lie where they lay, and nowhere else')
    assert.deepEqual(
      at.pipe.life.all.filter(({ type }) => type === 'died'),
      [],
      'no daemon dies',
    )
    for (const daemon of daemons) assert.doesNotMatch(logOf(daemon), /"level":(60|"fatal")/)
  }

  it('in every key of every bucket: unreadable values are absent, and said', async () => {
    let next = 0
    for (const bucket of Object.values(buckets)) {
      const { state } = await almighty.jsm.streams.info(`KV_${bucket}`, { subjects_filter: '>' })
      for (const subject of Object.keys(state.subjects ?? {}))
        await write(subject, garbage[next++ % garbage.length] as Buffer)
      // What no client of ours can ask for lies there too.
      for (const odd of ['news.a$b', 'warned.push.a$b', 'a..b', '*', farAway])
        await write(`$KV.${bucket}.${odd === 'a..b' || odd === '*' ? 'odd' : odd}`, garbage[4] as Buffer)
    }
    const odd = headers()
    odd.set('KV-Operation', 'ODD')
    await almighty.js.publish('$KV.targets.push.dune.production.odd', '{}', { headers: odd })
    await assertWhole()
    for (const daemon of ['refresher', 'storer', 'distributor', 'notifier'])
      assert.match(logOf(daemon), /a value on the bus cannot be read/, daemon)
  })

  it('with runs of the year 9999 in the places that decide what is newest', async () => {
    for (const key of ['runs.latest', 'runs.open.runs']) await write(`$KV.${key}`, Buffer.from(farAway))
    const { state } = await almighty.jsm.streams.info('KV_targets', { subjects_filter: '>' })
    for (const subject of Object.keys(state.subjects ?? {}))
      await write(subject, {
        ...{ entry: 'dune_production', run: farAway, holder: 'h', attempts: 1, lastAttempt: timestamp() },
        ended: { run: farAway, kind: 'done', messages: [] },
      })
    await write('$KV.leases.storer', Buffer.from('somebody, until the year 9999'))
    await assertWhole()
  })

  it('on every queue and as every fact, unreadable or not what its subject says', async () => {
    const subjects = [
      'refresh.dune.production',
      'store.dune.production.credd1_sandbox_test',
      'push.dune.production.node1_sandbox_test',
      'notify.email.x',
      ...['ready', 'stored', 'pushed', 'failed'].map((fact) => `token.${fact}.dune.production`),
      ...['started', 'finished', 'uids', 'constructor'].map((fact) => `run.${fact}`),
      'dead.push.distributor',
    ]
    for (const subject of subjects) for (const one of garbage) await write(subject, one)
    await assertWhole()
  })

  it('as items for other places, other people and later runs', async () => {
    const mails = () => readdirSync(join(at.pipe.site.dir, 'mail')).length
    const ahead = nextRunId(undefined, Date.now() + 12 * 3_600_000)
    for (const id of [farAway, ahead]) {
      const about = {
        ...{ schema: schemaVersion, run: id, at: timestamp(), mode: { push: true, notify: true } },
        ...{ entry: 'dune_production', service: 'dune_production', experiment: 'dune', role: 'production' },
        deadline: timestamp(new Date(Date.now() + 60_000)),
      }
      const seal = { tokenId: 'x', expiry: about.deadline, key: 'dune=5Fproduction', revision: 1, uid: 0 }
      const ready = { ...about, ...seal, reused: false, credds: ['evil.host', 'a/../../../x'] }
      for (const credd of ready.credds) {
        await write(`store.dune.production.${credd === 'evil.host' ? 'evil_host' : 'x'}`, {
          ...about,
          ready,
          credd,
        })
        await write(`store.nova.production.evil_host`, { ...about, ready, credd })
      }
      await write('push.dune.production.evil_host', { ...about, ...seal, node: 'evil.host' })
      await write('push.mu2e.production.node1_sandbox_test', {
        ...about,
        ...seal,
        node: 'node1.sandbox.test',
      })
      const message = {
        schema: schemaVersion,
        run: id,
        at: timestamp(),
        id: `evil.${id}`,
        subject: 's',
        text: 't',
      }
      await write(notifySubject('email', 'evil@example.org'), {
        ...message,
        channel: 'email',
        to: 'evil@example.org',
      })
      await write(notifySubject('email', 'x'), { ...message, channel: 'email', to: 'evil@example.org' })
    }
    await assertWhole()
    const dead = await almighty.jsm.streams.info(streams.dead)
    assert.ok(dead.state.messages > 0)
    await eventually(async () => mails() > 0, 'the administrators hear of it')
    const sent = readdirSync(join(at.pipe.site.dir, 'mail')).map((file) =>
      readFileSync(join(at.pipe.site.dir, 'mail', file), 'utf8'),
    )
    for (const mail of sent) assert.doesNotMatch(mail, /^(To|X-Envelope-To): .*evil@/im)
  })
})
