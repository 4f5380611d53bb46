/** The doctor on the bus: a daemon that is not there is noticed, whichever it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import { checkBus } from '../../cli/doctor/bus.ts'
import { serveRequests } from '../../shared/micro.ts'
import { type Daemon, daemons, requests } from '../../shared/subjects.ts'
import { startTestNats } from '../support/nats.ts'

const answers: Partial<Record<Daemon, string>> = { refresher: requests.services, notifier: requests.status }

test('each of the four daemons is missed while it is away, and heard while it is there', async () => {
  await using nats = await startTestNats()
  const look = async () => {
    const { look } = checkBus(undefined, { state: nats.stateRoot, nats: nats.url })
    const findings = await look(AbortSignal.timeout(60_000))
    return findings
      .filter(({ says }) => says.endsWith(' answers') && !says.startsWith('127.'))
      .map(({ state, says }) => `${state}: ${says}`)
  }
  assert.deepEqual(
    await look(),
    daemons.map((daemon) => `warning: no ${daemon} answers`),
  )
  await using stack = new AsyncDisposableStack()
  for (const there of daemons) {
    const bus = stack.use(await nats.connect(there))
    const subject = answers[there]
    const endpoints = subject ? [{ name: 'asked', subject, answer: async () => ({}) }] : []
    stack.use(await serveRequests(bus, there, endpoints, pino({ enabled: false })))
    const heard = daemons.slice(0, daemons.indexOf(there) + 1)
    assert.deepEqual(
      await look(),
      daemons.map((daemon) =>
        heard.includes(daemon) ? `ok: the ${daemon} answers` : `warning: no ${daemon} answers`,
      ),
    )
  }
})
