import assert from 'node:assert/strict'
import { it } from 'node:test'
import { failure, Permanent, RetryLater } from '../../../../shared/contracts/errors.ts'
import { type RefreshItem, refreshItem } from '../../../../shared/contracts/messages.ts'
import { consumers, streams } from '../../../../shared/contracts/subjects.ts'
import { createLog } from '../../../../shared/telemetry/logs/log.ts'
import { type Consumption, consume } from '../../../../shared/work/consume/consume.ts'
import { findDuplicateKeys } from '../../../support/duplicate-keys.ts'
import { factOf, makeRuns } from '../../../support/entry.ts'
import { keepSpans } from '../../../support/kept-spans.ts'
import { openRefreshQueue } from '../../../support/refresh-queue.ts'

it('a key that stands twice in one object is found, in another object it may stand again', () => {
  assert.deepEqual(findDuplicateKeys('{"a":{"a":"a\\":"},"b":[{"a":1},{"a":2}],"c":"{"}'), [])
  assert.deepEqual(findDuplicateKeys('{"a":1,"b":{"c":1,"\\u0063" : 2},"a":2}'), ['c', 'a'])
})

it('every line about a message says once whose it is, whoever writes it', async () => {
  const lines: string[] = []
  const log = createLog('refresher', { write: (line) => void lines.push(line) })
  const [run = '', other = ''] = makeRuns(2)
  await using _kept = keepSpans()
  await using queue = await openRefreshQueue()
  await queue.put(run)
  const handle: Consumption<RefreshItem>['handle'] = async ({ body, deliveries, log: given }) => {
    given.info('as the handler was given it')
    given.warn({ run: body.run, entry: body.entry, err: new Error('no') }, 'with what is said already')
    log.info({ run: other }, 'the daemon’s own, about another run')
    if (deliveries === 1) throw new RetryLater(1)
    throw new Permanent(failure('vault-unreachable', 'Vault does not answer.'))
  }
  await using _consumption = await consume<RefreshItem>(
    {
      ...{ stream: streams.refresh, consumer: consumers.refresher, concurrency: 1 },
      schemaOf: () => refreshItem,
      report: (body, { code }) => factOf(body, { code }),
      handle,
    },
    { bus: queue.bus, log },
  )
  await queue.settled()

  assert.deepEqual(
    lines.filter((line) => findDuplicateKeys(line).length > 0),
    [],
  )
  const said = lines.map((line) => JSON.parse(line))
  const [mine, others] = [
    [run, 'dune_production'],
    [other, 'dune_production'],
  ]
  assert.deepEqual(
    said.map((line) => [line.run, line.entry]),
    [mine, mine, others, mine, mine, mine, others, mine],
    'three of the handler and one of the end, twice',
  )
  assert.ok(
    said.every(({ traceId, spanId }) => traceId && spanId),
    'in the message’s span',
  )
})
