import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { trace } from '@opentelemetry/api'
import pino from 'pino'
import { type FarEnd, hanging, nobody, slow, working } from '../../../../sandbox/support/far-ends.ts'
import { openLoki } from '../../../../shared/telemetry/exporters/loki.ts'
import { groupUrl, openPushgateway } from '../../../../shared/telemetry/exporters/pushgateway.ts'
import { createLog } from '../../../../shared/telemetry/logs/log.ts'
import { copyTo } from '../../../../shared/telemetry/logs/log-sinks.ts'
import { inWork } from '../../../../shared/telemetry/logs/work-context.ts'
import { droppedTotal } from '../../../../shared/telemetry/metrics/metrics.ts'
import { startOtlp } from '../../../../shared/telemetry/otlp/otlp.ts'
import { logsAddress } from '../../../../shared/telemetry/otlp/otlp-addresses.ts'
import { inRootSpan } from '../../../../shared/telemetry/traces/root-span.ts'
import { currentSpanRef, type SpanRef } from '../../../../shared/telemetry/traces/run-span.ts'
import { makeEntry } from '../../../support/entry.ts'
import { forgetSdk } from '../../../support/forget-sdk.ts'

interface Got {
  readonly method: string
  readonly url: string
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

const installation = { devEnvironmentLabel: 'sandbox', telemetry: { traceRatio: 1 } }
const quiet = pino({ level: 'silent' })

describe('far ends that work', () => {
  const got: Got[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    got.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
    response.end('{}')
  })
  let host: string

  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    // What it takes to load the client must not come out of the two seconds that a last delivery has.
    await fetch(`http://${host}`)
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  it('Loki gets every line in its order, with the run and entry it belongs to', async () => {
    const sink = openLoki('storer', { host }, 'sandbox')
    const written: string[] = []
    const log = createLog('storer', copyTo({ write: (line) => void written.push(line) }, [sink]))
    inWork({ run: '01RUN', entry: 'dune_production' }, () => {
      log.info('one')
      log.warn({ entry: 'mu2e_production' }, 'two')
    })
    await sink[Symbol.asyncDispose]()
    const push = got.pop()
    assert.equal(`${push?.method} ${push?.url}`, 'POST /loki/api/v1/push')
    const { streams } = JSON.parse(push?.body ?? '')
    assert.deepEqual(streams[0].stream, { app: 'managed-tokens', daemon: 'storer', environment: 'sandbox' })
    const [one, two] = streams[0].values.map(([, line]: [string, string]) => JSON.parse(line))
    assert.deepEqual(
      [one.msg, one.run, one.entry, two.msg, two.run, two.entry],
      ['one', '01RUN', 'dune_production', 'two', '01RUN', 'mu2e_production'],
    )
    assert.ok(
      streams[0].values.every(([, line]: [string, string]) => line === line.trim()),
      'without their ends',
    )
    const times = streams[0].values.map(([at]: [string]) => at)
    assert.deepEqual(times, times.toSorted())
    assert.equal(new Set(times).size, 2)
    assert.equal(written.length, 2, 'and they are written here as before')
  })

  it('an OTLP collector gets the same lines as records, where the variables ask for it', async () => {
    await using stack = new AsyncDisposableStack()
    stack.defer(forgetSdk)
    // The exporter reads it by itself.
    process.env.OTEL_EXPORTER_OTLP_HEADERS = 'x-scope=lab'
    stack.defer(() => void delete process.env.OTEL_EXPORTER_OTLP_HEADERS)
    const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}/` }
    const otlp = await startOtlp('storer', installation, { ...variables, OTEL_TRACES_EXPORTER: 'none' })
    createLog('storer', copyTo({ write() {} }, otlp.sinks)).warn({ code: 'disk-full' }, 'no room')
    await otlp[Symbol.asyncDispose]()
    const push = got.pop()
    assert.equal(push?.url, '/v1/logs')
    assert.equal(push?.headers['x-scope'], 'lab')
    const [{ resource, scopeLogs }] = JSON.parse(push?.body ?? '').resourceLogs
    const [record] = scopeLogs[0].logRecords
    assert.deepEqual(
      [record.severityText, record.severityNumber, record.body.stringValue],
      ['warn', 13, 'no room'],
    )
    assert.ok(
      record.attributes.some(
        (one: { key: string; value: object }) =>
          one.key === 'code' && 'stringValue' in one.value && one.value.stringValue === 'disk-full',
      ),
    )
    const keys = resource.attributes.map(({ key }: { key: string }) => key)
    for (const key of ['service.name', 'deployment.environment', 'deployment.environment.name'])
      assert.ok(keys.includes(key), key)
  })

  it('an OTLP collector learns of each line in which trace it was written', async () => {
    await using stack = new AsyncDisposableStack()
    stack.defer(forgetSdk)
    const otlp = await startOtlp('storer', installation, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}` })
    const log = createLog('storer', copyTo({ write() {} }, otlp.sinks))
    let here: SpanRef | undefined
    await inRootSpan('some work', '01RUN', async () => {
      here = currentSpanRef()
      log.info('inside')
    })
    log.info('outside')
    await otlp[Symbol.asyncDispose]()
    const lines = got.splice(0).find(({ url }) => url === '/v1/logs')
    const records = JSON.parse(lines?.body ?? '').resourceLogs[0].scopeLogs[0].logRecords
    assert.ok(here)
    assert.deepEqual(
      records.map(({ traceId, spanId }: Partial<SpanRef>) => ({ traceId, spanId })),
      [here, { traceId: undefined, spanId: undefined }],
    )
    const { attributes } = records[0]
    assert.ok(!attributes.some(({ key }: { key: string }) => key === 'traceId'), 'said once')
  })

  const logsUrls: Record<string, [Record<string, string>, string | undefined]> = {
    'nowhere without a word': [{}, undefined],
    'to the common address': [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'http://c:4318/v1/logs'],
    'to an address of their own': [
      { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://c:1/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://d' },
      'http://c:1/x',
    ],
    'nowhere where only traces have an address': [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/v1/traces' },
      undefined,
    ],
    'nowhere where they are switched off': [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_LOGS_EXPORTER: 'none' },
      undefined,
    ],
  }
  for (const [name, [variables, url]] of Object.entries(logsUrls))
    it(`OTLP lines go ${name}`, () => assert.equal(logsAddress(variables), url))

  it('a Pushgateway gets the metrics under a group of each daemon’s own', async () => {
    const site = () => ({ entries: [makeEntry()] })
    const prometheus = { host, jobname: 'managed tokens' }
    for (const daemon of ['refresher', 'storer'] as const) {
      await using pusher = openPushgateway(daemon, prometheus, site, quiet)
      await pusher.push()
      const push = got.pop()
      assert.equal(push?.method, 'PUT')
      assert.match(push?.url ?? '', new RegExp(`^/metrics/job/managed%20tokens/daemon/${daemon}/instance/.`))
      assert.match(push?.body ?? '', /^# TYPE managed_tokens_stage_duration_seconds gauge$/m)
    }
  })
})

describe('the group of a Pushgateway', () => {
  const jobs: Record<string, [string, string]> = {
    'is a word of the path': ['managed_tokens', 'job/managed_tokens'],
    'may have a blank': ['managed tokens', 'job/managed%20tokens'],
    'is in base64 where it has a slash, which would end the word': [
      'fnal/tokens?x',
      'job@base64/Zm5hbC90b2tlbnM_eA',
    ],
    'may be nothing but a slash': ['/', 'job@base64/Lw'],
  }
  for (const [what, [jobname, group]] of Object.entries(jobs))
    it(`${what}: ${jobname}`, () => {
      const url = groupUrl('push.lab.example:9091', jobname, 'storer', 'a/b')
      assert.equal(url, `http://push.lab.example:9091/metrics/${group}/daemon/storer/instance@base64/YS9i`)
    })
})

describe('a Pushgateway that does not take the metrics', () => {
  it('is told once, and once more when it takes them again', async () => {
    const answers = [400, 400, 400, 200, 200, 503, 503, 200]
    const server = createServer((request, response) => {
      request.resume()
      request.on('end', () => response.writeHead(answers.shift() ?? 200).end())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const lines: { level: number; msg: string }[] = []
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    {
      const timing = { firstMs: 600_000, everyMs: 600_000, timeoutMs: 60_000 }
      await using pusher = openPushgateway(
        'storer',
        { host, jobname: 'j' },
        () => ({ entries: [] }),
        log,
        timing,
      )
      while (answers.length > 0) await pusher.push()
    }
    server.closeAllConnections()
    server.close()
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg.split(/[,:]/)[0]]),
      [
        [40, 'the Pushgateway refuses the metrics'],
        [30, 'the Pushgateway takes the metrics again'],
        [40, 'the Pushgateway does not take the metrics'],
        [30, 'the Pushgateway takes the metrics again'],
      ],
    )
  })
})

const badEnds: Record<string, () => Promise<FarEnd>> = {
  'nobody there': nobody,
  'one that never answers': hanging,
  'one of a byte a second': slow,
}

describe('far ends that do not', { concurrency: true }, () => {
  for (const [name, open] of Object.entries(badEnds))
    it(`${name}: what they do not take is dropped and counted, and nobody waits`, async () => {
      await using end = await open()
      const before = await dropped()
      const loki = openLoki('storer', { host: end.host }, 'sandbox')
      const pushgateway = openPushgateway(
        'storer',
        { host: end.host, jobname: 'j' },
        () => ({ entries: [] }),
        quiet,
      )
      const log = createLog('storer', copyTo({ write() {} }, [loki]))
      for (let n = 0; n < 500; n++) log.info({ n, filler: 'x'.repeat(20_000) }, 'a line')
      assert.ok(loki.held() <= 4 * 1024 * 1024, 'memory is bounded')
      await Promise.all([loki[Symbol.asyncDispose](), pushgateway[Symbol.asyncDispose]()])
      const after = await dropped()
      for (const what of ['logs loki', 'metrics pushgateway'])
        assert.ok((after[what] ?? 0) > (before[what] ?? 0), `${what} are counted`)
    })
})

describe('collectors', () => {
  const ends: Record<string, [open: () => Promise<FarEnd>, lost: boolean]> = {
    'one that works gets it all': [working, false],
    ...Object.fromEntries(
      Object.entries(badEnds).map(([name, open]) => [
        `${name}: all spans and lines are dropped and counted, and not waited for`,
        [open, true] as const,
      ]),
    ),
  }
  // Batch after batch, one that never answers would take most of a minute.
  for (const [name, [open, lost]] of Object.entries(ends))
    it(name, { timeout: 30_000 }, async () => {
      // To one that takes nothing, more than may wait.
      const items = lost ? 10_000 : 3_000
      await using end = await open()
      await using stack = new AsyncDisposableStack()
      stack.defer(forgetSdk)
      const before = await dropped()
      const url = `http://${end.host}`
      const logs = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${url}/v1/logs` }
      const otlp = await startOtlp('storer', { ...installation, tracingUrl: url }, logs)
      const log = createLog('storer', copyTo({ write() {} }, otlp.sinks))
      for (let n = 0; n < items; n++) {
        log.info({ n }, 'a line')
        trace.getTracer('test').startSpan('span').end()
      }
      await otlp[Symbol.asyncDispose]()
      const after = await dropped()
      for (const what of ['logs otlp', 'traces otlp'])
        assert.equal((after[what] ?? 0) - (before[what] ?? 0), lost ? items : 0, what)
    })
})

it('lines arrive at a daemon’s end where spans are refused', async () => {
  const server = createServer((request, response) => {
    const status = request.url === '/v1/logs' ? 200 : 400
    request.resume().once('end', () => response.writeHead(status).end('{}'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using stack = new AsyncDisposableStack()
  stack.defer(forgetSdk)
  stack.defer(() => void server.close().closeAllConnections())
  const before = await dropped()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const otlp = await startOtlp('storer', installation, { OTEL_EXPORTER_OTLP_ENDPOINT: url })
  const log = createLog('storer', copyTo({ write() {} }, otlp.sinks))
  for (let n = 0; n < 5_000; n++) log.info({ n }, 'a line')
  trace.getTracer('test').startSpan('span').end()
  await otlp[Symbol.asyncDispose]()
  const after = await dropped()
  assert.equal((after['traces otlp'] ?? 0) - (before['traces otlp'] ?? 0), 1)
  assert.equal((after['logs otlp'] ?? 0) - (before['logs otlp'] ?? 0), 0)
})

async function dropped(): Promise<Record<string, number>> {
  const { values } = await droppedTotal.get()
  return Object.fromEntries(values.map(({ labels, value }) => [`${labels.signal} ${labels.sink}`, value]))
}
