/** What people and programs ask the daemons on the bus: a body is answered, or refused in a line that says why. */
import assert from 'node:assert/strict'
import pino from 'pino'
import { readHistory } from '../../../services/notifier/ledger/answer-history.ts'
import { openStatusAnswers } from '../../../services/notifier/ledger/answer-status.ts'
import { openLedger } from '../../../services/notifier/ledger/ledger-store.ts'
import { openRunRequests } from '../../../services/refresher/start-run/run-request.ts'
import { startUidRefresh } from '../../../services/refresher/uids/refresh-uids.ts'
import { describeRefusal, RequestError } from '../../../shared/bus/requests/serve-requests.ts'
import { nothingRevoked, runIds, siteOf } from '../../services/build.ts'
import { fakeBus } from '../../services/fake-bus.ts'
import { fakeKv } from '../../services/fake-kv.ts'
import { assertForPeople } from '../promises.ts'
import { type FuzzTarget, mostOfBus } from '../target.ts'

const log = pino({ level: 'silent' })

/** The first line says who is asked. */
export const requests: FuzzTarget = {
  name: 'requests',
  words: [
    ...[
      'run\n',
      'status\n',
      'history\n',
      'uids\n',
      '"services":',
      '"experiment":',
      '"page":',
      '"tokenId":',
      '"by":',
    ],
    ...[runIds[0], 'dune_production', 'dune_prodution', 'dune', '"push":false', '"node":"node1"'],
  ],
  longest: mostOfBus,
  async open() {
    const site = siteOf()
    const ledger = await openLedger(fakeKv().kv)
    const status = openStatusAnswers(ledger)
    const endpoints: Readonly<Record<string, (body: unknown) => Promise<object>>> = {
      run: (body) =>
        openRunRequests(
          { bus: fakeBus().bus, runs: fakeKv().kv, freshSite: () => site, revoked: nothingRevoked },
          { take() {} } as never,
        )(body),
      status,
      history: (body) => readHistory(body, ledger, () => site),
      uids: (body) =>
        startUidRefresh(body, {
          freshSite: () => ({ entries: [] }),
          log,
          signal: AbortSignal.abort(),
        } as never).catch(refusedOnly),
    }
    return {
      async read(text) {
        const end = text.indexOf('\n')
        const [name, data] = [text.slice(0, Math.max(0, end)), text.slice(end + 1)]
        const answer = Object.hasOwn(endpoints, name) ? endpoints[name] : undefined
        if (!answer) return
        try {
          const answered = await answer(data.trim() === '' ? undefined : readJson(data))
          assert.ok(JSON.stringify(answered).length < mostOfBus)
        } catch (error) {
          const { code, text: said } = describeRefusal(error, log)
          assert.notEqual(code, 'unexpected', error instanceof Error ? error.stack : String(error))
          assertForPeople(said)
        }
      },
    }
  },
}

/** What is started for a good question has no end here. */
function refusedOnly(error: unknown): { id: string } {
  if (error instanceof RequestError) throw error
  return { id: 'started' }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestError('bad-request', 'not JSON')
  }
}
