/** Asks as the daemons do, once, in a process of its own with an environment of its own, and prints what came of it. */
import pino from 'pino'
import { sendMail } from '../../services/notifier/channels/email.ts'
import { postJson } from '../../services/notifier/channels/post-json.ts'
import { connectBus } from '../../shared/bus/connect.ts'
import type { Notification } from '../../shared/contracts/messages.ts'
import { getText } from '../../shared/https/request.ts'
import { onTrustProblem } from '../../shared/https/trust.ts'
import { post } from '../../shared/telemetry/exporters/post.ts'
import { ofRun } from '../services/build.ts'

const [what = '', url = '', file] = process.argv.slice(2)
const address = new URL(url)
const timeoutMs = 20_000

const mail: Notification = {
  ...{ ...ofRun(), channel: 'email', to: 'dune@lab.example', id: 'run.email.dune@lab.example' },
  ...{ subject: 'a subject', text: 'a text' },
}

const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  get: () => getText(address, { caPath: file, timeoutMs }),
  webhook: () => postJson(url, {}, { name: 'Slack' }),
  push: () => post(url, { contentType: 'text/plain', content: 'x' }, AbortSignal.timeout(timeoutMs)),
  pushgateway: async () => {
    const { openPushgateway } = await import('../../shared/telemetry/exporters/pushgateway.ts')
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
  mail: () =>
    sendMail(mail, {
      ...{ from: 'tokens@lab.example', tls: 'starttls' },
      ...{ smtpHost: address.hostname, smtpPort: Number(address.port) },
    }),
  bus: async () => {
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
