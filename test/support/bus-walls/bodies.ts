/** What a body or a reply subject can do that no permission sees: each says whether it came to pass. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import { streams } from '../../../shared/contracts/subjects.ts'
import { say } from './attacks.ts'
import type { Walls } from './site.ts'

/** How long the server may take to do what it will do (milliseconds). */
const waitMs = 3_000

async function comesToPass(look: () => Promise<boolean>): Promise<boolean> {
  for (const deadline = Date.now() + waitMs; Date.now() < deadline; await sleep(20))
    if (await look()) return true
  return false
}

/** Asks as the notifier does; what the server made of it. */
async function ask({ bus }: Walls, call: string, body: object): Promise<{ error?: { description: string } }> {
  const answer = await bus.notifier.nc.request(`$JS.API.${call}`, JSON.stringify(body), { timeout: 30_000 })
  return answer.json()
}

const worked = async (walls: Walls, call: string, body: object) => !(await ask(walls, call, body)).error

/** Puts `config` in place of the notifier's outbox, as a key of the notifier may where that is missing. */
async function createOutbox(walls: Walls, config: Partial<StreamConfig>): Promise<boolean> {
  await walls.almighty.jsm.streams.delete(streams.notify)
  const common = {
    ...{ name: streams.notify, retention: RetentionPolicy.Workqueue, storage: StorageType.File },
    ...{ max_msgs: -1, max_msgs_per_subject: -1, max_bytes: -1, max_age: 0, max_consumers: -1 },
    ...{ discard: DiscardPolicy.Old, num_replicas: 1 },
  }
  const made = await worked(walls, `STREAM.CREATE.${streams.notify}`, { ...common, ...config })
  return made
}

const outbox = ['notify.>']
const pushConsumer = (deliver_subject: string) => ({
  stream_name: streams.notify,
  config: { durable_name: 'notifier-outbox', deliver_subject, ack_policy: 'explicit' },
})

/** Lets the outbox's consumer deliver to a subject, with one message to deliver. */
async function deliverTo(walls: Walls, subject: string): Promise<boolean> {
  await walls.almighty.jsm.consumers.delete(streams.notify, 'notifier-outbox')
  await walls.bus.notifier.js.publish('notify.email.x', '{}')
  return worked(walls, 'CONSUMER.CREATE.NOTIFY.notifier-outbox', pushConsumer(subject))
}

async function lastSequence({ almighty }: Walls, stream: string): Promise<number> {
  return (await almighty.jsm.streams.info(stream)).state.last_seq
}

/** After each, everything is as it was: the stream is removed, and made again before the next. */
async function afterwards(walls: Walls, result: boolean): Promise<boolean> {
  await walls.almighty.jsm.streams.delete(streams.notify)
  return result
}

export const bodies: Readonly<Record<string, (walls: Walls) => Promise<boolean>>> = {
  async 'an answer of JetStream is written to any subject'(walls) {
    await say(walls.bus.notifier.nc, '$JS.API.INFO', '', '$KV.leases.other')
    const lease = () =>
      walls.almighty.jsm.streams.getMessage('KV_leases', { last_by_subj: '$KV.leases.other' })
    return comesToPass(async () => (await lease()) !== null)
  },
  async 'a message of its own is pulled into another daemon’s queue'(walls) {
    const before = await lastSequence(walls, streams.push)
    await walls.bus.notifier.js.publish('notify.email.x', '{}')
    const next = '$JS.API.CONSUMER.MSG.NEXT.NOTIFY.notifier-outbox'
    await say(walls.bus.notifier.nc, next, { batch: 1 }, 'push.dune.production.evil')
    const result = await comesToPass(async () => (await lastSequence(walls, streams.push)) > before)
    return afterwards(walls, result)
  },
  async 'a message of its own is delivered to another daemon’s inbox'(walls) {
    let heard = 0
    const inbox = walls.bus.storer.nc.subscribe('_INBOX_storer.x', { callback: () => void heard++ })
    await walls.bus.storer.nc.flush()
    await deliverTo(walls, '_INBOX_storer.x')
    const result = await comesToPass(async () => heard > 0)
    inbox.unsubscribe()
    return afterwards(walls, result)
  },
  async 'a push consumer writes into a stream or bucket'(walls) {
    const count = async () =>
      (await lastSequence(walls, streams.push)) + (await lastSequence(walls, 'KV_targets'))
    const before = await count()
    await deliverTo(walls, 'push.dune.production.evil')
    await deliverTo(walls, '$KV.targets.vault.pause')
    return afterwards(walls, await comesToPass(async () => (await count()) > before))
  },
  async 'a consumer is made under another name than the subject’s'(walls) {
    const body = (name: object) => ({
      stream_name: streams.tokens,
      config: { ...name, ack_policy: 'explicit' },
    })
    for (const name of [{ durable_name: 'mine' }, { name: 'mine' }, { name: 'mine', durable_name: 'mine' }])
      await ask(walls, 'CONSUMER.CREATE.TOKENS.notifier', body(name))
    const there = await Array.fromAsync(walls.almighty.jsm.consumers.list(streams.tokens))
    return there.some(({ name }) => name === 'mine')
  },
  async 'a planner’s consumer gets another filter than the subject’s'(walls) {
    const call = 'CONSUMER.CREATE.TOKENS.storer-plan.token.ready.*.*'
    for (const filter of [{}, { filter_subject: 'token.>' }, { filter_subjects: ['token.>', 'run.*'] }]) {
      const config = { durable_name: 'storer-plan', ack_policy: 'explicit', ...filter }
      await walls.bus.storer.nc.request(
        `$JS.API.${call}`,
        JSON.stringify({ stream_name: streams.tokens, config }),
      )
    }
    const { config } = await walls.almighty.jsm.consumers.info(streams.tokens, 'storer-plan')
    return config.filter_subject !== 'token.ready.*.*'
  },
  async 'an existing stream of its own is made with other subjects'(walls) {
    const body = { name: streams.notify, subjects: ['notify.>', '_INBOX_storer.>'], retention: 'workqueue' }
    await ask(walls, 'STREAM.CREATE.NOTIFY', body)
    const { config } = await walls.almighty.jsm.streams.info(streams.notify)
    return config.subjects?.length !== 1
  },
  async 'a missing stream of its own takes inboxes or requests'(walls) {
    const result = await createOutbox(walls, {
      subjects: [...outbox, '_INBOX_storer.>', 'managed-tokens.run'],
    })
    return afterwards(walls, result)
  },
  async 'a missing stream of its own takes another stream’s subjects'(walls) {
    const results = [
      await createOutboxOrNot(walls, { subjects: [...outbox, 'push.*.*.*'] }),
      await createOutboxOrNot(walls, { subjects: [...outbox, '$KV.targets.>'] }),
      await createOutboxOrNot(walls, { subjects: ['>'], no_ack: true }),
    ]
    return results.includes(true)
  },
  async 'a missing stream of its own takes JetStream’s requests'(walls) {
    return createOutboxOrNot(walls, { subjects: [...outbox, '$JS.API.>'], no_ack: true })
  },
  async 'a missing stream of its own copies what it gets to any subject'(walls) {
    const republish = { src: 'notify.>', dest: '$KV.targets.>' }
    const before = await lastSequence(walls, 'KV_targets')
    await createOutbox(walls, { subjects: outbox, republish })
    await walls.bus.notifier.js.publish('notify.vault.pause', '{}')
    const result = await comesToPass(async () => (await lastSequence(walls, 'KV_targets')) > before)
    return afterwards(walls, result)
  },
  async 'a missing stream of its own takes another’s messages (sources)'(walls) {
    const result = await createOutbox(walls, { subjects: outbox, sources: [{ name: 'KV_sealed' }] })
    return afterwards(walls, result)
  },
  async 'a missing stream of its own is another’s mirror'(walls) {
    return afterwards(walls, await createOutbox(walls, { mirror: { name: 'KV_sealed' } }))
  },
}

/** The same where it may be refused: then there is no stream to remove. */
async function createOutboxOrNot(walls: Walls, config: Partial<StreamConfig>): Promise<boolean> {
  const made = await createOutbox(walls, config)
  if (made) await walls.almighty.jsm.streams.delete(streams.notify)
  await walls.makeAll()
  return made
}
