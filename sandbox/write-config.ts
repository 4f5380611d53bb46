/** The sandbox's `managedTokens.yml`: an operator's file like any other, made from the site's entries and addresses. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { collector, principalOf, realm, type SiteEntry, scheddConstraint } from './entry.ts'
import type { Layout } from './layout.ts'
import type { SiteAddresses } from './servers.ts'

export interface ConfigOptions {
  /** Points the distributor to the ssh that knows hold points. */
  readonly holdSsh: boolean
  /** Keys that replace or add to the generated ones; sections are merged one level deep. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Writes the file with mode 0600, since the webhook's URL in it is a secret. */
export function writeConfig(
  layout: Layout,
  entries: readonly SiteEntry[],
  addresses: SiteAddresses,
  options: ConfigOptions,
): void {
  const config = merge(
    {
      ...globalKeys(layout, addresses),
      ...connections(layout, addresses),
      ...(addresses.issuerUrl === undefined
        ? ourSections(layout, options)
        : iamSections(layout, addresses.issuerUrl, options)),
      experiments: experimentsOf(entries),
    },
    options.settings,
  )
  writeFileSync(layout.config, `${head}${stringify(config, { lineWidth: 0 })}`, { mode: 0o600 })
}

const head = '# The sandbox’s configuration, made anew each time it starts: changes here are lost.\n\n'

const kerberosKeys = (layout: Layout, addresses: SiteAddresses) => ({
  keytabPath: layout.keytabs,
  condorCollectorHost: collector,
  vaultServer: `localhost:${addresses.vaultPort}`,
  serviceCreddVaultTokenPathRoot: join(layout.state, 'storer', 'vault-tokens'),
  kerberosPrincipalPattern: principalOf('{{.Account}}'),
  defaultRoleFileDestinationTemplate: '/tmp/jobsub_default_role_{{.Experiment}}_{{.DesiredUID}}',
})

const globalKeys = (layout: Layout, addresses: SiteAddresses) => ({
  ...(addresses.issuerUrl === undefined && kerberosKeys(layout, addresses)),
  sshOptions: `-F ${layout.sshConfig}`,
  minTokenLifetime: '3d',
  errorCountToSendMessage: 1,
  devEnvironmentLabel: 'sandbox',
  // Long enough for a busy machine, short enough for a demonstration with faults.
  timeouts: {
    globalTimeout: '2m',
    kerberosTimeout: '10s',
    vaultStorerTimeout: '15s',
    pingTimeout: '2s',
    pushTimeout: '20s',
    ferryRequestTimeout: '5s',
  },
  workerType: {
    getKerberosTickets: { numRetries: 0, retrySleep: '0s' },
    storeAndGetToken: { numRetries: 0, retrySleep: '0s' },
    pingAggregator: { numRetries: 0, retrySleep: '0s' },
    pushTokens: { numRetries: 1, retrySleep: '1s' },
  },
})

const connections = (layout: Layout, addresses: SiteAddresses) => ({
  ...(addresses.issuerUrl === undefined && {
    ferry: { host: 'localhost', port: addresses.ferryPort, caPath: layout.certificates },
  }),
  email: {
    ...{ from: 'managed-tokens@sandbox.test', smtpHost: '127.0.0.1', smtpPort: addresses.smtpPort },
    ...{ tls: 'starttls', caPath: layout.certificates },
  },
  notifications: { SLACK_ALERTS_URL: addresses.slackUrl, admin_email: 'admin@sandbox.test' },
  notifications_test: { SLACK_ALERTS_URL: addresses.slackUrl, admin_email: 'admin-test@sandbox.test' },
  logs: { 'token-push': { logfile: join(layout.logs, 'token-push.log') } },
  tracing: { url: `http://127.0.0.1:${addresses.otlpPort}` },
})

const ourSections = (layout: Layout, { holdSsh }: ConfigOptions) => ({
  schedule: { cron: false, uids: false },
  vault: { caPath: layout.certificates },
  refresher: {
    htgettoken: join(layout.bin, 'htgettoken'),
    condorStatus: join(layout.bin, 'condor_status'),
    condorConfigVal: join(layout.bin, 'condor_config_val'),
    stripRealms: [realm],
  },
  storer: {
    condorVaultStorer: join(layout.bin, 'condor_vault_storer'),
    condorStoreCred: join(layout.bin, 'condor_store_cred'),
    condorVersion: join(layout.bin, 'condor_version'),
    lockFile: join(layout.state, 'storer.lock'),
  },
  ...(holdSsh && { distributor: { ssh: join(layout.bin, 'ssh') } }),
})

/** No Kerberos, no Vault, no HTCondor. */
const iamSections = (layout: Layout, issuerUrl: string, { holdSsh }: ConfigOptions) => ({
  schedule: { cron: false, uids: false },
  issuers: {
    iam: {
      ...{ url: issuerUrl, clientId: 'managed-tokens', clientSecretFile: layout.clientSecret },
      caPath: layout.certificates,
    },
  },
  storer: { lockFile: join(layout.state, 'storer.lock') },
  distributor: { identityFile: layout.sshKey, ...(holdSsh && { ssh: join(layout.bin, 'ssh') }) },
})

function experimentsOf(entries: readonly SiteEntry[]): Record<string, unknown> {
  const experiments: Record<string, { roles: Record<string, unknown> } & Record<string, unknown>> = {}
  for (const entry of entries) {
    experiments[entry.experiment] ??= {
      emails: [`${entry.experiment}-operators@sandbox.test`],
      ...(entry.experimentOverride && { experimentOverride: entry.experimentOverride }),
      roles: {},
    }
    const { roles } = experiments[entry.experiment] as { roles: Record<string, unknown> }
    roles[entry.role] = roleOf(entry)
  }
  return experiments
}

const roleOf = (entry: SiteEntry) => ({
  account: entry.account,
  destinationNodes: entry.nodes,
  ...(entry.deliver && { deliver: entry.deliver }),
  ...(entry.uidFrom === 'config' && { desiredUIDOverride: entry.uid }),
  ...(entry.creddsFrom === 'config' && { condorCreddHostOverride: entry.credds.join(',') }),
  ...(entry.creddsFrom === 'collector' && { condorScheddConstraintOverride: scheddConstraint(entry) }),
  ...(entry.creddsFrom === 'none' && { tokenGetterOverride: 'getToken' }),
  ...(entry.oidc && { tokenGetterOverride: 'oidc', oidc: { issuer: 'iam', ...entry.oidc } }),
})

function merge(
  base: Record<string, unknown>,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged = { ...base }
  for (const [key, change] of Object.entries(changes)) {
    const before = merged[key]
    merged[key] = isSection(before) && isSection(change) ? { ...before, ...change } : change
  }
  return merged
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
