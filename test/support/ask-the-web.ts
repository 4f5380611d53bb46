/** Asks as the daemons do, once, in a process of its own with an environment of its own, and prints what came of it. */
import { onTrustProblem } from '../../shared/https/trust.ts'

const [what = '', url = '', file] = process.argv.slice(2)
const address = new URL(url)
const timeoutMs = 20_000

/** Each loads what it needs alone. */
const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  get: async () => {
    const { getText } = await import('../../shared/https/request.ts')
    return getText(address, { caPath: file, timeoutMs })
  },
  webhook: async () => {
    const { postJson } = await import('../../services/notifier/channels/post-json.ts')
    return postJson(url, {}, { name: 'Slack' })
  },
  push: async () => {
    const { post } = await import('../../shared/telemetry/exporters/post.ts')
    return post(url, { contentType: 'text/plain', content: 'x' }, AbortSignal.timeout(timeoutMs))
  },
  pushgateway: async () => {
    const { openPushgateway } = await import('../../shared/telemetry/exporters/pushgateway.ts')
    const { default: pino } = await import('pino')
    const quiet = pino({ level: 'silent' })
    const site = () => ({ entries: [] })
    await openPushgateway('storer', { host: url, jobname: 'j' }, site, quiet).push()
    return dropped('pushgateway')
  },
  spans: async () => {
    const { trace } = await import('@opentelemetry/api')
    const { startOtlp } = await import('../../shared/telemetry/otlp/otlp.ts')
    const site = { devEnvironmentLabel: 'test', telemetry: { traceRatio: 1 }, tracingUrl: url }
    const otlp = await startOtlp('storer', site, {})
    trace.getTracer('test').startSpan('span').end()
    await otlp[Symbol.asyncDispose]()
    return dropped('otlp')
  },
  mail: async () => {
    const { sendMail } = await import('../../services/notifier/channels/email.ts')
    const { ofRun } = await import('../services/build.ts')
    return sendMail(
      {
        ...{ ...ofRun(), channel: 'email', to: 'dune@lab.example', id: 'run.email.dune@lab.example' },
        ...{ subject: 'a subject', text: 'a text' },
      },
      {
        ...{ from: 'tokens@lab.example', tls: 'starttls' },
        ...{ smtpHost: address.hostname, smtpPort: Number(address.port) },
      },
    )
  },
  bus: async () => {
    const { connectBus } = await import('../../shared/bus/connect.ts')
    await using bus = await connectBus({ servers: [url], user: 'operator', seedFile: file ?? '', once: true })
    return bus.nc.info?.tls_required
  },
}

async function dropped(sink: string): Promise<number | undefined> {
  const { droppedTotal } = await import('../../shared/telemetry/metrics/metrics.ts')
  const { values } = await droppedTotal.get()
  return values.find(({ labels }) => labels.sink === sink)?.value
}

const warnings: string[] = []
onTrustProblem(({ file, why }) => warnings.push(`${file} ${why}`))
const facts = await ways[what]?.().then(
  (answer) => ({ answer }),
  ({ kind, code, message }) => ({ kind, code, message }),
)
process.stdout.write(JSON.stringify({ ...facts, warnings }))
