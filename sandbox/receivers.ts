/** A site that is nothing but people: a mail server, Slack, and services of which only the names are needed. What a notifier by itself needs. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { writeFaults } from './faults.ts'
import { type Layout, layoutOf } from './layout.ts'
import { startMailSink } from './mail-sink.ts'
import { startSlackSink } from './slack-sink.ts'
import { makeTls } from './tls.ts'

export interface ReceiversOptions {
  /** Absolute, and empty. */
  readonly dir: string
  /** Each has one role, `production`. */
  readonly experiments: Readonly<Record<string, { readonly nodes: readonly string[] }>>
  /** Keys that replace or add to those of the generated configuration. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface Receivers extends AsyncDisposable {
  readonly layout: Layout
  /** The generated `managedTokens.yml`. */
  readonly config: string
  readonly env: Readonly<Record<string, string>>
}

/** The administrator is `admin@sandbox.test`, each experiment `<experiment>-operators@sandbox.test`. Faults and hold points work as in a whole site. */
export async function startReceivers({ dir, experiments, settings }: ReceiversOptions): Promise<Receivers> {
  const layout = layoutOf(dir)
  for (const directory of ['vault', 'state'] as const) mkdirSync(layout[directory], { mode: 0o700 })
  for (const directory of ['logs', 'mail', 'slack', 'holds', 'held'] as const) mkdirSync(layout[directory])
  writeFaults(dir, {})
  await using stack = new AsyncDisposableStack()
  const mail = stack.use(await startMailSink({ directory: layout.mail, dir, tls: await makeTls(layout) }))
  const slack = stack.use(await startSlackSink({ directory: layout.slack, dir }))
  const config = {
    keytabPath: layout.keytabs,
    kerberosPrincipalPattern: '{{.Account}}@SANDBOX.TEST',
    condorCollectorHost: 'collector.sandbox.test',
    schedule: { cron: false, uids: false },
    email: {
      ...{ from: 'managed-tokens@sandbox.test', smtpHost: '127.0.0.1', smtpPort: mail.port },
      ...{ tls: 'starttls', caPath: layout.certificates },
    },
    notifications: { SLACK_ALERTS_URL: slack.url, admin_email: 'admin@sandbox.test' },
    ...settings,
    experiments: Object.fromEntries(
      Object.entries(experiments).map(([name, { nodes }]) => [
        name,
        {
          emails: [`${name}-operators@sandbox.test`],
          roles: { production: { account: `${name}pro`, destinationNodes: nodes } },
        },
      ]),
    ),
  }
  writeFileSync(layout.config, stringify(config, { lineWidth: 0 }), { mode: 0o600 })
  const running = stack.move()
  return { layout, config: layout.config, env: {}, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
