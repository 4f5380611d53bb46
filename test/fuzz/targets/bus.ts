/** What lies on the bus, whoever wrote it: facts, dead letters, values in buckets, questions of people. */
import assert from 'node:assert/strict'
import type { KvEntry } from '@nats-io/kv'
import { planPushes, planStored } from '../../../services/distributor/plan.ts'
import {
  causeCount,
  countResult,
  failureCount,
} from '../../../services/notifier/failures/consecutive-failures.ts'
import { schemaOfFact } from '../../../services/notifier/handle.ts'
import {
  applyEvent,
  hasEnded,
  ledgerRow,
  ledgerRun,
  type RowEvent,
  rowsOf,
  runOf,
  supersededBy,
  totalsOf,
} from '../../../services/notifier/ledger/ledger.ts'
import { keepDeadLetter, schemaOfDead } from '../../../services/notifier/news/dead-letter.ts'
import { type News, news } from '../../../services/notifier/news/news.ts'
import { announceRevocation } from '../../../services/notifier/news/revocation-news.ts'
import { announceUidFailures } from '../../../services/notifier/news/uid-failures.ts'
import { planRun } from '../../../services/refresher/plan.ts'
import { planStores } from '../../../services/storer/plan.ts'
import { parseMessage } from '../../../shared/bus/parse-message.ts'
import type { Outgoing } from '../../../shared/bus/publish.ts'
import { valueIn } from '../../../shared/bus/read-value.ts'
import type { RunStarted, RunUids, TokenReady, TokenStored } from '../../../shared/contracts/messages.ts'
import { notification } from '../../../shared/contracts/messages.ts'
import type { z } from '../../../shared/contracts/zod.ts'
import { believable, rateAt } from '../../../shared/vault/rate.ts'
import { decideClaim } from '../../../shared/work/claim.ts'
import type { Received } from '../../../shared/work/consume/handle-message.ts'
import { mergeRevoked, revokedList } from '../../../shared/work/revoked.ts'
import { serviceStatus, statusOf } from '../../../shared/work/service-status.ts'
import { ofTarget, targetRecord } from '../../../shared/work/target-record.ts'
import { at, entryOf, noneRevoked, runIds, siteOf } from '../../services/build.ts'
import { fakeKv } from '../../services/fake-kv.ts'
import { assertForPeople, orTyped } from '../promises.ts'
import { mostOfBus, pureTarget } from '../target.ts'

const site = siteOf()
const entry = entryOf()
const receivedOf = <T>(body: T) => ({ body, signal: new AbortController().signal }) as unknown as Received<T>

/** Whatever is published has a subject of ours without a wildcard, and can be read again. */
function assertPublishable(messages: readonly Outgoing[] | undefined): void {
  for (const { subject, body } of messages ?? []) {
    assert.match(subject, /^(refresh|store|push|token|notify)(\.[a-zA-Z0-9=_-]+)+$/)
    if (subject.startsWith('notify.'))
      assert.ok(notification.safeParse(body).success, `unreadable on ${subject}`)
    assert.ok(JSON.stringify(body).length < 2 * mostOfBus)
  }
}

const row = { ...{ run: runIds[0], entry: 'dune_production', service: 'dune_production' }, targets: [] }
const rows = [{ ...row, refresh: { state: 'waiting', at: at(0) } } as const]

async function readFact(subject: string, body: unknown): Promise<void> {
  const [family, kind] = subject.split('.')
  if (subject === 'run.started') {
    const started = body as RunStarted
    assert.ok(ledgerRun.safeParse(runOf(started)).success)
    for (const one of rowsOf(started)) assert.ok(ledgerRow.safeParse(one).success)
    assertPublishable(await orTyped(() => planRun(receivedOf(started), noneRevoked)))
    assertPublishable(announceRevocation(started, site))
  } else if (subject === 'run.uids') assertPublishable(announceUidFailures(body as RunUids, site))
  else if (family === 'token') {
    for (const before of rows) {
      const after = applyEvent(before, { kind, body } as RowEvent)
      assert.ok(ledgerRow.safeParse(after).success, 'a row that nobody can read')
      assert.ok(ledgerRow.safeParse(supersededBy(after, { kind, body } as RowEvent, at(9))).success)
      assert.equal(typeof hasEnded(after), 'boolean')
      assert.ok(totalsOf([after]).done >= 0)
    }
    const deps = { site: () => site, targets: fakeKv().kv, revoked: noneRevoked }
    if (kind === 'ready') {
      assertPublishable(await orTyped(() => planPushes(receivedOf(body as TokenReady), deps)))
      assertPublishable(await orTyped(() => planStores(receivedOf(body as TokenReady), () => site)))
    }
    if (kind === 'stored')
      assertPublishable(await orTyped(() => planStored(receivedOf(body as TokenStored), deps)))
  }
}

/** The first line is the subject. */
const split = (text: string): [string, string] => {
  const end = text.indexOf('\n')
  return end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)]
}

const bodyWords = [
  runIds[0],
  'dune_production',
  'dune',
  'production',
  'node1.lab.example',
  at(1),
  '1.0',
  '1.99',
  '2.0',
]
const factWords = [
  'run.started\n',
  'token.ready.dune.production\n',
  'token.failed.dune.production\n',
  'run.uids\n',
  ...bodyWords,
]

/** A fact is read as its schema says, or is a dead letter with a reason. */
export const facts = pureTarget({ name: 'facts', words: factWords, longest: mostOfBus }, async (text) => {
  const [subject, data] = split(text)
  const parsed = parseMessage(schemaOfFact(subject), Buffer.from(data))
  if ('reason' in parsed) assert.ok(parsed.reason.length > 0)
  else await readFact(subject, parsed.body)
})

/** What could not be handled is told, in words that are nobody's but ours. */
export const deadLetters = pureTarget(
  {
    name: 'dead-letters',
    words: [
      'dead.PUSH.distributor\n',
      'dead.lost.storer\n',
      'dead.notify.x\n',
      'notify.email.x',
      'notify.constructor.x',
      '__proto__',
      ...bodyWords,
    ],
    longest: mostOfBus,
  },
  async (text) => {
    const [subject, data] = split(text)
    const parsed = parseMessage(schemaOfDead(subject), Buffer.from(data))
    if ('reason' in parsed) return
    const kept: News[] = []
    const deps = {
      ledger: { latestRun: async () => undefined },
      news: { add: async (_id: string, pieces: readonly News[]) => void kept.push(...pieces) },
    }
    await keepDeadLetter({ ...receivedOf(parsed.body), subject }, deps)
    for (const { title, message } of kept)
      for (const said of [title, message]) if (said) assertForPeople(said)
    for (const one of kept) assert.ok(news.safeParse(one).success)
    assert.doesNotMatch(JSON.stringify(kept), /native code|object Object|undefined/)
  },
)

const schemas: Readonly<Record<string, z.ZodType>> = {
  targetRecord,
  ledgerRow,
  ledgerRun,
  failureCount,
  causeCount,
  revokedList,
  news,
}

/** A value that can be read can be worked with, and what is made of it can be read again. */
export const values = pureTarget(
  {
    name: 'values',
    words: ['"ended":', '"kind":"done"', '"attempts":1', '"expiry":', ...bodyWords],
    longest: mostOfBus,
  },
  (text) => {
    const kept = { bucket: 'targets', key: 'k', revision: 1, operation: 'PUT', string: () => text } as KvEntry
    for (const schema of Object.values(schemas)) valueIn(kept, schema)
    const record = valueIn(kept, targetRecord)
    if (record) {
      const key = 'push.dune.production.node1_lab_example'
      assert.ok(['take', 'superseded', 'ended'].includes(decideClaim(ofTarget(record, key), runIds[1]).kind))
      const status = statusOf(
        entry,
        [
          ['refresh.dune.production', record],
          [key, record],
          ['store.dune.production.c', record],
        ],
        undefined,
        0,
      )
      assert.ok(serviceStatus.safeParse(status).success, 'a status that nobody can read')
    }
    const count = valueIn(kept, failureCount)
    const result = { run: runIds[2], at: at(1), by: 'fuzz' }
    for (const failed of [undefined, { consecutive: 2 }, { consecutive: 1, isUrgent: true }]) {
      const next = countResult(count, { ...result, ...(failed && { failed }) })
      if (next)
        assert.ok(
          failureCount.safeParse(JSON.parse(JSON.stringify(next))).success,
          'a count that nobody can read',
        )
    }
    const list = valueIn(kept, revokedList)
    if (list) assert.ok(revokedList.safeParse(mergeRevoked(list, { services: [] })).success)
    const known = believable(JSON.parse(JSON.stringify(parsed(text) ?? null)), Date.UTC(2031, 0, 1))
    if (known) assert.ok(rateAt(known, Date.UTC(2031, 0, 1)) > 0)
  },
)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
