import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Msg, PermissionViolationError } from '@nats-io/nats-core'
import { createUser, fromSeed } from '@nats-io/nkeys'
import { type Bus, connectBus } from '../../../shared/bus/connect.ts'
import { type NatsUser, natsUsers } from '../../../shared/bus/permissions.ts'
import { awaitTopology, ensureConsumer, ensureOwned } from '../../../shared/bus/streams/topology.ts'
import {
  type BucketName,
  buckets,
  consumers,
  type Daemon,
  daemons,
  streams,
} from '../../../shared/contracts/subjects.ts'
import { natsFiles } from '../../../shared/daemon/state.ts'
import { eventually } from '../../support/latch.ts'
import { startTestNats, type TestNats } from '../../support/nats.ts'

/** Who may publish where. Everybody else is refused. */
const speakers: Record<string, readonly NatsUser[]> = {
  'run.started': ['refresher'],
  'run.uids': ['refresher'],
  'run.finished': ['notifier'],
  'token.ready.dune.production': ['refresher'],
  'token.stored.dune.production': ['storer'],
  'token.pushed.dune.production': ['distributor'],
  'token.removed.dune.production': ['refresher', 'storer', 'distributor'],
  'token.failed.dune.production': ['refresher', 'storer', 'distributor'],
  'refresh.dune.production': ['refresher'],
  'store.dune.production.credd1': ['refresher', 'storer'],
  'push.dune.production.node1': ['refresher', 'distributor'],
  'notify.email.admin': ['notifier'],
  'dead.tokens.refresher-plan': ['refresher'],
  'dead.refresh.refresher': ['refresher'],
  'dead.tokens.storer-plan': ['storer'],
  'dead.store.storer': ['storer'],
  'dead.tokens.distributor-plan': ['distributor'],
  'dead.tokens.distributor-plan-stored': ['distributor'],
  'dead.push.distributor': ['distributor'],
  'dead.tokens.notifier': ['notifier'],
  'dead.notify.notifier-outbox': ['notifier'],
  'dead.lost.refresher': ['refresher'],
  'dead.lost.storer': ['storer'],
  'dead.lost.distributor': ['distributor'],
  'dead.lost.notifier': ['notifier'],
  '$KV.targets.refresh.dune.production': ['refresher'],
  '$KV.targets.store.dune.production.credd1': ['storer'],
  '$KV.targets.push.dune.production.node1': ['distributor'],
  '$KV.uids.dune': ['refresher'],
  '$KV.sealed.dune_production': ['refresher'],
  '$KV.leases.storer': ['refresher', 'storer'],
  '$KV.logins.dune=5Fproduction': ['refresher'],
  '$KV.revoked.list': ['refresher'],
  '$KV.runs.latest': ['refresher', 'notifier'],
  '$KV.runs.01J.dune': ['notifier'],
  '$KV.failures.push.dune.production.node1': ['notifier'],
}

const readers: Record<BucketName, readonly NatsUser[]> = {
  targets: ['refresher', 'storer', 'distributor', 'notifier'],
  uids: ['refresher', 'notifier'],
  sealed: ['distributor'],
  leases: ['refresher', 'storer'],
  logins: ['refresher'],
  runs: ['refresher', 'notifier'],
  failures: ['refresher', 'notifier'],
  revoked: ['refresher', 'storer', 'distributor', 'notifier'],
}

const durables: readonly (readonly [
  Daemon,
  ...(Parameters<typeof ensureConsumer> extends [Bus, ...infer Rest] ? Rest : never),
])[] = [
  ['refresher', streams.tokens, consumers.refresherPlan, 'run.started'],
  ['refresher', streams.refresh, consumers.refresher],
  ['storer', streams.tokens, consumers.storerPlan, 'token.ready.*.*'],
  ['storer', streams.store, consumers.storer],
  ['distributor', streams.tokens, consumers.distributorPlan, 'token.ready.*.*'],
  ['distributor', streams.tokens, consumers.distributorPlanStored, 'token.stored.*.*'],
  ['distributor', streams.push, consumers.distributor],
  ['notifier', streams.tokens, consumers.notifier],
  ['notifier', streams.notify, consumers.notifierOutbox],
  ['notifier', streams.dead, consumers.notifierDead],
]

describe('permissions on the bus', () => {
  let nats: TestNats
  const bus = {} as Record<NatsUser, Bus>

  before(async () => {
    nats = await startTestNats()
    for (const user of natsUsers) bus[user] = await nats.connect(user)
    // Each makes what it owns, and sees the facts' stream and the buckets that it reads.
    await Promise.all(
      daemons.map(async (daemon) => {
        await ensureOwned(bus[daemon], daemon)
        await awaitTopology(bus[daemon], {
          streams: [streams.tokens],
          buckets: Object.values(buckets).filter((bucket) => readers[bucket].includes(daemon)),
        })
      }),
    )
    for (const [daemon, stream, name, filter] of durables)
      await ensureConsumer(bus[daemon], stream, name, filter)
  })

  after(async () => {
    await Promise.allSettled(natsUsers.map((user) => bus[user]?.nc.close()))
    await nats?.[Symbol.asyncDispose]()
  })

  for (const [subject, allowed] of Object.entries(speakers))
    it(`${subject} comes from ${allowed.join(' and ')} alone`, async () => {
      for (const user of natsUsers)
        await expectAllowed(allowed.includes(user), () => bus[user].js.publish(subject, '{}'), user)
    })

  for (const [bucket, allowed] of Object.entries(readers) as [BucketName, readonly NatsUser[]][])
    it(`${bucket} is read by ${allowed.join(' and ')} alone`, async () => {
      for (const user of natsUsers) {
        const kv = await bus[user].bucket(bucket)
        await expectAllowed(allowed.includes(user), () => kv.get('some.key'), user)
        await expectAllowed(false, () => bus[user].jsm.direct.getMessage(`KV_${bucket}`, { seq: 1 }), user)
        await expectAllowed(
          allowed.includes(user),
          async () => {
            for await (const _key of await kv.keys()) break
          },
          user,
        )
      }
    })

  it('what is refused is in the server’s log, with who it was and what it was about', async () => {
    await expectAllowed(false, () => bus.storer.js.publish('token.ready.audit.case', '{}'), 'storer')
    const stranger = createUser()
    const seed = join(nats.stateRoot, 'stranger.nk')
    await writeFile(seed, stranger.getSeed())
    await assert.rejects(
      connectBus({ servers: [nats.url], user: 'stranger', seedFile: seed, once: true }),
      /Authorization|authorization|authentication/i,
    )
    const key = await readFile(nats.seedFile('storer'))
    const storer = fromSeed(new TextEncoder().encode(key.toString().trim())).getPublicKey()
    // The server may refuse before it writes that down.
    const logged = async (line: RegExp) =>
      eventually(async () => line.test(await readFile(natsFiles(nats.stateRoot).log, 'utf8')), `${line}`)
    await logged(new RegExp(`Publish Violation.*${storer}.*token\\.ready\\.audit\\.case`))
    await logged(/authentication error/i)
  })

  it('a daemon takes and acks its own work with the real client', async () => {
    await bus.distributor.js.publish('push.dune.production.node2', '{}')
    const consumer = await bus.distributor.js.consumers.get(streams.push, consumers.distributor)
    const message = await consumer.next({ expires: 30_000 })
    assert.ok(message)
    message.working()
    assert.equal(await message.ackAck({ timeout: 30_000 }), true)
  })

  it('a planner sees nothing but the facts it plans from', async () => {
    const widen = (filter?: string) => () =>
      ensureConsumer(bus.storer, streams.tokens, consumers.storerPlan, filter)
    await expectAllowed(true, widen('token.ready.*.*'), 'storer')
    await expectAllowed(false, widen('token.pushed.*.*'), 'storer')
    await expectAllowed(false, widen(), 'storer')
  })

  for (const daemon of daemons)
    it(`the ${daemon} neither pulls from nor removes what belongs to another`, async () => {
      for (const [owner, stream, name] of durables) {
        if (owner === daemon) continue
        await expectAllowed(false, () => bus[daemon].jsm.consumers.delete(stream, name), daemon)
        await expectAllowed(false, () => pull(bus[daemon], stream, name), daemon)
        await expectAllowed(false, () => ensureConsumer(bus[daemon], stream, name), daemon)
      }
      for (const stream of Object.values(streams))
        await expectAllowed(false, () => bus[daemon].jsm.streams.delete(stream), daemon)
    })

  it('nobody hears another’s inbox, or everything', async () => {
    for (const user of natsUsers)
      for (const subject of [
        '>',
        '_INBOX_*.>',
        ...natsUsers.filter((other) => other !== user).map((other) => `_INBOX_${other}.>`),
      ])
        await expectAllowed(false, () => listen(bus[user], subject), user)
  })

  it('a request of an operator is answered, wherever it wants the answer', async () => {
    bus.refresher.nc.subscribe('managed-tokens.run', {
      callback: (_error: Error | null, message: Msg) => void message.respond('yes'),
    })
    await bus.refresher.nc.flush()
    assert.equal(
      (await bus.operator.nc.request('managed-tokens.run', '', { timeout: 30_000 })).string(),
      'yes',
    )
    const plain = await bus.operator.nc.request('managed-tokens.run', '', {
      timeout: 30_000,
      noMux: true,
      reply: '_INBOX.plain',
    })
    assert.equal(plain.string(), 'yes')
    await expectAllowed(false, () => listen(bus.storer, 'managed-tokens.run'), 'storer')
  })

  it('an operator watches facts and lists streams and consumers', async () => {
    await listen(bus.operator, 'token.>')
    await listen(bus.operator, 'run.>')
    const names = (await bus.operator.jsm.streams.list().next()).map((stream) => stream.config.name)
    assert.ok(names.includes('TOKENS') && names.includes('KV_targets'), String(names))
    assert.equal((await bus.operator.jsm.consumers.list(streams.tokens).next()).length, 5)
    const last = await bus.operator.lastMessage(streams.tokens, 'token.>')
    assert.match(last?.subject ?? '', /^token\./)
  })
})

/** Runs `act`; allowed means that the server took it, whatever it answered; refused means a permission violation. */
async function expectAllowed(allowed: boolean, act: () => Promise<unknown>, user: NatsUser): Promise<void> {
  const refused = await act().then(
    () => false,
    (error: unknown) => {
      const violation = violationIn(error)
      if (!violation && !isAnswer(error)) throw error
      return violation
    },
  )
  assert.equal(!refused, allowed, `${user} ${refused ? 'was refused' : 'was let'}: ${act}`)
}

function violationIn(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof PermissionViolationError) return true
  return false
}

const isAnswer = (error: unknown) => error instanceof Error && error.name.startsWith('JetStream')

async function pull(from: Bus, stream: string, consumer: string): Promise<void> {
  await from.nc.request(
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    JSON.stringify({ batch: 1, no_wait: true }),
    { timeout: 30_000 },
  )
}

/** Resolves when the server took the subscription; rejects with its refusal. */
async function listen(on: Bus, subject: string): Promise<void> {
  const subscription = on.nc.subscribe(subject, { callback: () => {} })
  const refusal = subscription.closed.then((error) => {
    if (error instanceof Error) throw error
  })
  refusal.catch(() => {})
  await on.nc.flush()
  subscription.unsubscribe()
  await refusal
}
