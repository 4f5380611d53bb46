/** What was done with stolen keys, and must fail: each rejects where it succeeds. */
import assert from 'node:assert/strict'
import type { ConsumerConfig } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import pino from 'pino'
import { serveRequests } from '../../../shared/bus/requests/serve-requests.ts'
import { ownedBy } from '../../../shared/bus/streams/topology.ts'
import {
  consumers,
  daemons,
  deadSubject,
  requests,
  type StreamName,
  streams,
} from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { consume } from '../../../shared/work/consume/consume.ts'
import { eventually } from '../latch.ts'
import type { Walls } from './site.ts'
import { durables } from './universe.ts'

const silent = pino({ level: 'silent' })

/** Where JetStream's API is for whom, now and before people had an account of their own. */
const prefixes = ['$JS.API', 'managed-tokens-js']

/** Publishes whatever the server thinks of it, and waits until it has thought. */
export async function say(nc: NatsConnection, subject: string, body: unknown, reply?: string): Promise<void> {
  nc.publish(subject, typeof body === 'string' ? body : JSON.stringify(body), reply ? { reply } : {})
  await nc.flush()
}

/** A person's own questions, answered to another subject. The last one is awaited, so that all are answered. */
async function askWithReply({ bus }: Walls, person: 'operator' | 'responder', reply: string): Promise<void> {
  const { nc } = bus[person]
  for (const subject of [requests.run, '$SRV.PING', '$SRV.INFO']) await say(nc, subject, '', reply)
  for (const prefix of prefixes) {
    await say(nc, `${prefix}.INFO`, '', reply)
    await say(nc, `${prefix}.STREAM.INFO.TOKENS`, '', reply)
    await say(nc, `${prefix}.STREAM.MSG.GET.TOKENS`, { last_by_subj: 'token.>' }, reply)
  }
  await nc.request(requests.run, '', { timeout: 30_000 })
  await bus[person].jsm.streams.info(streams.tokens)
}

const targets: Readonly<Record<string, string>> = {
  '$KV.runs.telling.now': 'no mail is sent any more',
  '$KV.runs.latest': 'every run fails',
  '$KV.targets.vault.pause': 'Vault is not asked any more',
  '$KV.leases.storer': 'nothing is stored',
  'push.dune.production.node1': 'work of nobody',
  'token.ready.dune.production': 'a fact of nobody',
}

/** Somebody who answers, as the refresher does. */
async function withRefresher(walls: Walls, act: () => Promise<void>): Promise<void> {
  const endpoint = { name: 'run', subject: requests.run, answer: async () => ({ run: '01J' }) }
  await using _ = await serveRequests(walls.bus.refresher, 'refresher', [endpoint], silent)
  await act()
}

const repliesOfPeople = Object.entries(targets).map(([reply, meaning]) => [
  `an answer to a person is not written to ${reply}: ${meaning}`,
  (walls: Walls) =>
    withRefresher(walls, async () => {
      const before = await countOf(walls, reply)
      for (const person of ['operator', 'responder'] as const) await askWithReply(walls, person, reply)
      assert.equal(await countOf(walls, reply), before)
    }),
])

/** The last sequence of whatever stream takes the subject. */
async function countOf({ almighty }: Walls, subject: string): Promise<number> {
  const stream = await almighty.jsm.streams.find(subject)
  return (await almighty.jsm.streams.info(stream)).state.last_seq
}

export const attacks: Readonly<Record<string, (walls: Walls) => Promise<void>>> = {
  ...Object.fromEntries(repliesOfPeople),

  'an answer to a person empties no stream': (walls) =>
    withRefresher(walls, async () => {
      await walls.bus.refresher.js.publish('token.ready.dune.production', '{}')
      for (const stream of ['TOKENS', 'KV_targets', 'KV_sealed', 'KV_runs']) {
        const before = await walls.almighty.jsm.streams.info(stream)
        await askWithReply(walls, 'operator', `$JS.API.STREAM.PURGE.${stream}`)
        const now = await walls.almighty.jsm.streams.info(stream)
        assert.deepEqual(now.state.first_seq, before.state.first_seq, stream)
      }
    }),

  'nobody changes another’s consumer by a name in the body': async (walls) => {
    const before = await configurations(walls)
    for (const user of [...daemons, 'operator', 'responder', 'admin'] as const)
      for (const [durable, stream] of Object.entries(durables)) {
        if (durable.startsWith(user)) continue
        for (const prefix of prefixes)
          for (const action of ['', 'update']) {
            // Without `durable_name`, with which the server would look.
            const { durable_name: name, ...as } = before[durable] ?? {}
            const config = { ...as, name, max_ack_pending: 1, max_deliver: 1 }
            await say(walls.bus[user].nc, `${prefix}.CONSUMER.CREATE.${stream}`, {
              ...{ stream_name: stream, config, action },
            })
          }
      }
    assert.deepEqual(await configurations(walls), before)
  },

  'no person makes a consumer, which would deliver to any subject': async (walls) => {
    for (const person of ['operator', 'responder'] as const)
      for (const stream of [streams.tokens, streams.dead])
        for (const prefix of prefixes) {
          const body = (name: object) => ({
            stream_name: stream,
            config: { ...name, deliver_subject: 'push.dune.production.evil', ack_policy: 'none' },
          })
          const { nc } = walls.bus[person]
          await say(nc, `${prefix}.CONSUMER.CREATE.${stream}`, body({}))
          await say(nc, `${prefix}.CONSUMER.CREATE.${stream}.mine`, body({ name: 'mine' }))
          await say(nc, `${prefix}.CONSUMER.DURABLE.CREATE.${stream}.mine`, body({ durable_name: 'mine' }))
        }
    assert.deepEqual(Object.keys(await configurations(walls)).sort(), Object.keys(durables).sort())
  },

  'no daemon changes a stream: copies, foreign subjects, or room for one message': async (walls) => {
    for (const daemon of daemons)
      for (const { plan } of ownedBy(daemon)) {
        const { name } = plan.config
        const { config: before } = await walls.almighty.jsm.streams.info(name)
        for (const change of [
          { republish: { src: '>', dest: 'elsewhere.>' } },
          { subjects: [...(before.subjects ?? []), '_INBOX_storer.>', 'managed-tokens.run'] },
          { max_msgs: 1 },
        ])
          await say(walls.bus[daemon].nc, `$JS.API.STREAM.UPDATE.${name}`, { ...before, ...change })
        await walls.bus[daemon].jsm.streams.info(name)
        assert.deepEqual((await walls.almighty.jsm.streams.info(name)).config, before)
      }
  },

  'what is led into a daemon’s queue is not worked on, but kept as a dead letter': async (walls) => {
    const { notifier, distributor } = walls.bus
    const handled: unknown[] = []
    await using _ = await consume(
      {
        stream: streams.push,
        consumer: consumers.distributor,
        schemaOf: () => z.object({ node: z.string() }),
        handle: async ({ body }) => {
          handled.push(body)
          return []
        },
        concurrency: 1,
      },
      { bus: distributor, log: silent },
    )
    await notifier.js.publish('notify.email.evil', JSON.stringify({ node: 'evil' }))
    const next = '$JS.API.CONSUMER.MSG.NEXT.NOTIFY.notifier-outbox'
    await say(notifier.nc, next, { batch: 1 }, 'push.dune.production.evil')
    const dead = deadSubject(streams.push, consumers.distributor)
    await eventually(async () => (await walls.almighty.lastMessage(streams.dead, dead)) !== null, 'a letter')
    const letter = (await walls.almighty.lastMessage(streams.dead, dead))?.json<{ subject: string }>()
    assert.equal(letter?.subject, 'notify.email.evil')
    assert.deepEqual(handled, [])
  },

  'a daemon answers nothing where the answer would be a message': async (walls) => {
    const heard: string[] = []
    walls.almighty.nc.subscribe('elsewhere.>', {
      callback: (_error, { subject }) => void heard.push(subject),
    })
    const asked: unknown[] = []
    const answer = async (body: unknown) => {
      asked.push(body)
      return {}
    }
    const endpoint = { name: 'run', subject: requests.run, answer }
    await using _ = await serveRequests(walls.bus.refresher, 'refresher', [endpoint], silent)
    const { nc } = walls.almighty
    for (const subject of [requests.run, '$SRV.PING', '$SRV.INFO', '$SRV.STATS'])
      await say(nc, subject, '{}', 'elsewhere.x')
    await say(nc, requests.run, '{}')
    // Answered after all those before it.
    await walls.bus.operator.nc.request(requests.run, '{"mine":true}', { timeout: 30_000 })
    await nc.flush()
    assert.deepEqual(asked, [{ mine: true }])
    assert.deepEqual(heard, [])
  },
}

/** Every durable consumer as it is configured. */
async function configurations({ almighty }: Walls): Promise<Record<string, ConsumerConfig>> {
  const found: [string, ConsumerConfig][] = []
  for (const stream of new Set<StreamName>(Object.values(durables)))
    for await (const { name, config } of almighty.jsm.consumers.list(stream)) found.push([name, config])
  return Object.fromEntries(found)
}
