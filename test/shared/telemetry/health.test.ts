import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import pino from 'pino'
import {
  beginHealth,
  type HealthFacts,
  judgeReadiness,
  markStarted,
  watchConnection,
  watchConsumer,
} from '../../../shared/telemetry/health.ts'
import { serveTelemetry } from '../../../shared/telemetry/server/server.ts'

const now = 1_000_000
const healthy: HealthFacts = {
  started: true,
  connected: true,
  consumers: { storer: { lastPull: now - 20_000, working: 0, oldestWork: null } },
}

const cases: Record<string, [Partial<HealthFacts>, readonly RegExp[]]> = {
  'is ready when everything is there': [{}, []],
  'is ready without any consumer: it stands by': [{ consumers: {} }, []],
  'is not while NATS is away': [{ connected: false }, [/no connection to NATS/]],
  'is not before it has started': [{ started: false }, [/not started yet/]],
  'is not when a consumer cannot pull': [
    { consumers: { storer: { lastPull: null, working: 0, oldestWork: null } } },
    [/consumer storer has not pulled yet/],
  ],
  'is not when a consumer has not pulled for a minute': [
    { consumers: { storer: { lastPull: now - 61_000, working: 0, oldestWork: null } } },
    [/consumer storer has not pulled for 61 s/],
  ],
  'is with its hands full, however long ago it pulled': [
    { consumers: { storer: { lastPull: now - 600_000, working: 4, oldestWork: now - 600_000 } } },
    [],
  ],
  'names all that is missing': [{ connected: false, started: false }, [/no connection/, /not started/]],
}

describe('a daemon', () => {
  for (const [name, [change, missing]] of Object.entries(cases))
    it(name, () => {
      const judged = judgeReadiness({ ...healthy, ...change }, now)
      assert.equal(judged.ready, missing.length === 0)
      assert.equal(judged.missing.length, missing.length, judged.missing.join('; '))
      for (const [index, text] of missing.entries()) assert.match(judged.missing[index] ?? '', text)
    })

  it('says how long ago it pulled and what it is at', () => {
    const consumers = { storer: { lastPull: now - 2_400, working: 1, oldestWork: now - 7_000 } }
    assert.deepEqual(judgeReadiness({ ...healthy, consumers }, now).consumers, {
      storer: { lastPullSecondsAgo: 2, working: 1, oldestWorkSeconds: 7 },
    })
  })
})

describe('the health of this process over HTTP', () => {
  const quiet = pino({ level: 'silent' })
  const siteWith = (metricsPort: number | undefined) => () => ({
    entries: [],
    telemetry: { metricsPort, metricsHost: '127.0.0.1', traceRatio: 1 },
  })
  const ask = async (port: number | undefined, path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: answer.status, text: await answer.text() }
  }

  it('is 200 or 503 with what is missing, and in the metrics', async () => {
    await using server = await serveTelemetry('storer', siteWith(0), quiet)
    beginHealth('storer')
    const early = await ask(server.port, '/readyz')
    assert.equal(early.status, 503)
    assert.match(JSON.parse(early.text).missing.join(), /no connection to NATS,not started yet/)
    assert.equal((await ask(server.port, '/healthz')).status, 200, 'alive all the same')
    assert.match((await ask(server.port, '/metrics')).text, /managed_tokens_ready\{daemon="storer"\} 0/)

    watchConnection(() => true)
    markStarted()
    using _consumer = watchConsumer('storer', () => ({
      lastPull: performance.now(),
      working: 0,
      oldestWork: null,
    }))
    const ready = await ask(server.port, '/readyz')
    assert.equal(ready.status, 200)
    assert.deepEqual(JSON.parse(ready.text).missing, [])
    assert.match((await ask(server.port, '/metrics')).text, /managed_tokens_ready\{daemon="storer"\} 1/)
    assert.equal((await ask(server.port, '/')).status, 404)
  })

  it('is left out with a warning where another process has the port', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const lines: string[] = []
    const log = pino({ level: 'warn' }, { write: (line) => lines.push(line) })
    await using server = await serveTelemetry('refresher', siteWith(port), log)
    assert.equal(server.port, undefined)
    assert.match(lines.join(), /EADDRINUSE.*no metrics and no health checks.*telemetry\.metricsPort/)
    other.close()
  })

  it('does not listen where no port is configured', async () => {
    await using server = await serveTelemetry('refresher', siteWith(undefined), quiet)
    assert.equal(server.port, undefined)
  })
})
