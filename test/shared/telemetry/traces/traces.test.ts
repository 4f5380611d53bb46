import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { SamplingDecision } from '@opentelemetry/sdk-trace'
import { countAttempt } from '../../../../shared/telemetry/metrics/count-attempt.ts'
import { samplerOf } from '../../../../shared/telemetry/otlp/otel-sdk.ts'
import { startOtlp } from '../../../../shared/telemetry/otlp/otlp.ts'
import { tracesUrl } from '../../../../shared/telemetry/otlp/otlp-addresses.ts'
import { ownAttributes } from '../../../../shared/telemetry/otlp/resource.ts'
import { inRootSpan } from '../../../../shared/telemetry/traces/root-span.ts'
import { currentSpanRef, inSpanAbout } from '../../../../shared/telemetry/traces/run-span.ts'
import { forgetSdk } from '../../../support/forget-sdk.ts'
import { keepSpans } from '../../../support/kept-spans.ts'

const place = (digit: string) => ({ traceId: digit.repeat(32), spanId: digit.repeat(16) })

describe('the address of traces', () => {
  const addresses: Record<string, string> = {
    'http://c.lab.example:4318': 'http://c.lab.example:4318/v1/traces',
    'http://c.lab.example:4318/': 'http://c.lab.example:4318/v1/traces',
    'https://c.lab.example/otlp/v1/traces': 'https://c.lab.example/otlp/v1/traces',
  }
  for (const [given, wanted] of Object.entries(addresses))
    it(given, () => assert.equal(tracesUrl(given), wanted))
})

describe('whether anything is traced', () => {
  const site = { devEnvironmentLabel: 'sandbox', telemetry: { traceRatio: 1 } }
  const nobody = 'http://127.0.0.1:9'
  const variables: Record<string, [Record<string, string>, boolean, tracingUrl?: string]> = {
    'not without a word': [{}, false],
    'by the address in the file': [{}, true, nobody],
    'by the common address': [{ OTEL_EXPORTER_OTLP_ENDPOINT: nobody }, true],
    'by an address of their own': [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: nobody }, true],
    'not by an address for lines or metrics': [
      { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: nobody, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: nobody },
      false,
    ],
    'not by what a connection would be like': [
      { OTEL_EXPORTER_OTLP_HEADERS: 'x=y', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
      false,
    ],
    'not where they are switched off': [{ OTEL_TRACES_EXPORTER: 'none' }, false, nobody],
    'not where all is switched off': [{ OTEL_SDK_DISABLED: 'true' }, false, nobody],
  }
  for (const [name, [set, wanted, tracingUrl]] of Object.entries(variables))
    it(name, async () => {
      await using stack = new AsyncDisposableStack()
      stack.use(await startOtlp('storer', { ...site, ...(tracingUrl && { tracingUrl }) }, set))
      stack.defer(forgetSdk)
      assert.equal(trace.getTracer('test').startSpan('never ended').isRecording(), wanted)
    })
})

describe('which runs are traced', () => {
  const decide = (ratio: number) =>
    samplerOf(ratio).shouldSample(ROOT_CONTEXT, 'ff'.repeat(16), 'run', SpanKind.PRODUCER, {}, []).decision
  it('all, or none', () => {
    assert.equal(decide(1), SamplingDecision.RECORD_AND_SAMPLED)
    assert.equal(decide(0), SamplingDecision.NOT_RECORD)
  })
  it('by all daemons where the first one did, whatever the share', () => {
    const parent = trace.setSpanContext(ROOT_CONTEXT, { ...place('a'), traceFlags: 1, isRemote: true })
    const { decision } = samplerOf(0).shouldSample(parent, 'a'.repeat(32), 'x', SpanKind.CONSUMER, {}, [])
    assert.equal(decision, SamplingDecision.RECORD_AND_SAMPLED)
  })
})

it('the installation’s name is told in traces, also as the predecessor told it', () => {
  const attributes = ownAttributes('storer', { devEnvironmentLabel: 'test-lab' })
  assert.equal(attributes['service.name'], 'managed-tokens-storer')
  assert.equal(attributes['deployment.environment.name'], 'test-lab')
  assert.equal(attributes['deployment.environment'], 'test-lab')
})

describe('a span for what no message asks for', () => {
  it('is in the trace of the one run it is about', async () => {
    await using kept = keepSpans()
    const inside = await inSpanAbout('tell people', [place('a'), place('a'), {}], async () =>
      currentSpanRef(),
    )
    assert.equal(inside?.traceId, place('a').traceId)
    assert.deepEqual(
      kept.spans.map(({ name, links }) => [name, links.length]),
      [['tell people', 0]],
    )
  })

  it('is a root with a link to each of several', async () => {
    await using kept = keepSpans()
    const inside = await inSpanAbout('tell people', [place('a'), place('b')], async () => currentSpanRef())
    assert.notEqual(inside?.traceId, place('a').traceId)
    assert.deepEqual(
      kept.spans[0]?.links.map((link) => link.context.traceId),
      [place('a').traceId, place('b').traceId],
    )
  })

  it('is not there where nothing is traced', async () => {
    assert.equal(await inSpanAbout('tell people', [{}], async () => currentSpanRef()), undefined)
  })
})

it('a failed attempt’s span has the reason, a good one’s none', async () => {
  await using kept = keepSpans()
  await inRootSpan('failed', '01RUN', async () => countAttempt('push', 'disk-full'))
  await inRootSpan('good', '01RUN', async () => countAttempt('push', 'ok'))
  assert.deepEqual(
    kept.spans.map(({ name, attributes, status }) => [name, attributes['error.type'], status.code]),
    [
      ['failed', 'disk-full', 2],
      ['good', undefined, 0],
    ],
  )
  assert.equal(context.active(), ROOT_CONTEXT)
})
