/** The servers that run inside the site's own process: Vault, FERRY, and the receivers of mail, Slack posts and traces. */
import { accountsOf, principalOf, realExperiment, type SiteEntry } from './entry.ts'
import { startFerry } from './ferry.ts'
import type { Layout } from './layout.ts'
import { startMailSink } from './mail-sink.ts'
import { startOtlpSink } from './otlp-sink.ts'
import { startSlackSink } from './slack-sink.ts'
import { makeTls, type Tls } from './tls.ts'
import { startVault } from './vault/start-vault.ts'

/** Where they listen, all on loopback. */
export interface SiteAddresses {
  /** 0 at a site that has none, as FERRY's. */
  readonly vaultPort: number
  readonly ferryPort: number
  /** At a site without Vault. */
  readonly issuerUrl?: string
  readonly smtpPort: number
  readonly slackUrl: string
  readonly otlpPort: number
}

/** Starts them all; whoever disposes the stack stops them. */
export async function startServers(
  layout: Layout,
  entries: readonly SiteEntry[],
  stack: AsyncDisposableStack,
  { bearerSeconds = 3_600 }: { readonly bearerSeconds?: number | undefined } = {},
): Promise<SiteAddresses> {
  const { dir } = layout
  const tls = await makeTls(layout)
  const vault = stack.adopt(
    await startVault({
      ...{ dir, tls, keytab: layout.vaultKeytab, services: vaultServices(entries) },
      lifetimes: { bearer: bearerSeconds },
    }),
    (server) => server.close(),
  )
  const users = accountsOf(entries).map(({ name, uid }) => ({ username: name, uid }))
  const ferry = stack.adopt(await startFerry({ dir, tls, users }), (server) => server.close())
  return { vaultPort: vault.port, ferryPort: ferry.port, ...(await startSinks(layout, tls, stack)) }
}

/** The receivers of mail, Slack posts and traces. */
export async function startSinks(
  layout: Layout,
  tls: Tls,
  stack: AsyncDisposableStack,
): Promise<Pick<SiteAddresses, 'smtpPort' | 'slackUrl' | 'otlpPort'>> {
  const { dir } = layout
  const mail = stack.use(await startMailSink({ directory: layout.mail, dir, tls }))
  const slack = stack.use(await startSlackSink({ directory: layout.slack, dir }))
  const otlp = stack.use(await startOtlpSink(layout.traces))
  return { smtpPort: mail.port, slackUrl: slack.url, otlpPort: otlp.port }
}

const vaultServices = (entries: readonly SiteEntry[]) =>
  entries.map((entry) => ({
    issuer: realExperiment(entry),
    role: entry.role,
    principal: principalOf(entry.account),
  }))
