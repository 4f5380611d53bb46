/** A whole laboratory in one directory: KDC, nodes, credds, Vault, FERRY, mail, Slack and traces, up in seconds and gone without trace. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defaultEntries } from './default-entries.ts'
import {
  accountsOf,
  collector,
  creddsOf,
  nodesOf,
  principalOf,
  realm,
  type SiteEntry,
  scheddConstraint,
} from './entry.ts'
import { type Faults, isAffected, writeFaults } from './faults.ts'
import { chooseLoopback } from './free-port.ts'
import { createRealm, type Kdc, type KeytabSpec } from './kdc.ts'
import { type Layout, layoutOf } from './layout.ts'
import { startMailSink } from './mail-sink.ts'
import { addressNodes, nodeKeytab, prepareNode, type SshNode, writeSshConfig } from './nodes.ts'
import { startOtlpSink } from './otlp-sink.ts'
import { leaveDirectory, prepareDirectory } from './prepare-directory.ts'
import type { SiteFacts } from './site-facts.ts'
import { startSlackSink } from './slack-sink.ts'
import { writeWrappers } from './wrappers.ts'
import { type SiteAddresses, writeConfig } from './write-config.ts'

export interface SiteOptions {
  /** Everything of the site is in here; emptied first (refused when it holds something else). */
  readonly dir: string
  readonly faults?: Faults
  readonly entries?: readonly SiteEntry[]
  /** sshd's `MaxStartups` on all nodes. */
  readonly maxStartups?: string
  /** Lets tests hold the distributor's ssh (`hold.ts`). */
  readonly holdSsh?: boolean
  /** Keys that replace or add to those of the generated configuration. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface SandboxSite extends AsyncDisposable {
  readonly dir: string
  readonly layout: Layout
  readonly entries: readonly SiteEntry[]
  /** The generated `managedTokens.yml`. */
  readonly config: string
  /** What a daemon's environment needs to find the KDC. */
  readonly env: { readonly KRB5_CONFIG: string }
  readonly addresses: SiteAddresses
  readonly nodes: readonly SshNode[]
  startKdc(): Promise<void>
  stopKdc(): Promise<void>
  /** By full name; throws when the site has no such node. */
  startNode(name: string): Promise<void>
  stopNode(name: string): Promise<void>
}

/**
 * Starts everything; disposing it ends every process and socket, and leaves the files for inspection.
 * Needs root (mount namespaces, files of other owners) and the Debian packages of the KDC and sshd.
 * @throws Error with the first thing that did not start; what had started is stopped again.
 */
export async function startSite(options: SiteOptions): Promise<SandboxSite> {
  const { entries = defaultEntries, faults = {} } = options
  const layout = layoutOf(resolve(options.dir))
  prepareDirectory(layout.dir)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => leaveDirectory(layout.dir))
  makeDirectories(layout, creddsOf(entries))
  writeFaults(layout.dir, faults)

  const { kdc, nodes } = await prepareHosts(layout, entries, options.maxStartups ?? '10:30:100')
  stack.use(kdc)
  for (const node of nodes) stack.use(node)
  const up = nodes.filter((node) => !isAffected(faults['node-down'], node.name))
  await Promise.all([...(faults['kdc-down'] ? [] : [kdc]), ...up].map((server) => server.start()))
  const addresses = await startServers(layout, stack)

  writeFacts(layout, entries, addresses)
  writeWrappers(layout)
  const { holdSsh = false, settings = {} } = options
  writeConfig(layout, entries, addresses, { holdSsh, settings })

  const running = stack.move()
  return {
    dir: layout.dir,
    layout,
    entries,
    config: layout.config,
    env: { KRB5_CONFIG: layout.krb5Config },
    addresses,
    nodes,
    startKdc: () => kdc.start(),
    stopKdc: () => kdc.stop(),
    startNode: async (name) => findNode(nodes, name).start(),
    stopNode: async (name) => findNode(nodes, name).stop(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function makeDirectories(layout: Layout, credds: readonly string[]): void {
  for (const directory of ['vault', 'keytabs', 'state'] as const)
    mkdirSync(layout[directory], { mode: 0o700 })
  for (const directory of ['nodes', 'logs', 'mail', 'slack', 'traces', 'holds', 'held'] as const)
    mkdirSync(layout[directory])
  for (const credd of credds) mkdirSync(join(layout.credds, credd), { recursive: true })
}

/** The realm and the nodes with their keys; nothing of them runs yet. */
async function prepareHosts(
  layout: Layout,
  entries: readonly SiteEntry[],
  maxStartups: string,
): Promise<{ kdc: Kdc; nodes: SshNode[] }> {
  const loopback = chooseLoopback()
  const accounts = accountsOf(entries)
  const addressed = await addressNodes(nodesOf(entries), (index) => loopback(index + 1))
  const nodes = await Promise.all(
    addressed.map((node) => prepareNode(layout, node, { accounts, maxStartups })),
  )
  const keytabs: KeytabSpec[] = [
    ...accounts.map(({ name }) => ({
      file: join(layout.keytabs, `${name}.keytab`),
      principals: [principalOf(name)],
    })),
    { file: layout.vaultKeytab, principals: ['host/localhost', 'HTTP/localhost'] },
    ...nodes.map((node) => nodeKeytab(layout, node)),
  ]
  const kdc = await createRealm(layout, keytabs, loopback(0))
  writeSshConfig(layout, nodes)
  return { kdc, nodes }
}

/** The servers inside this process. */
async function startServers(layout: Layout, stack: AsyncDisposableStack): Promise<SiteAddresses> {
  const mail = stack.use(await startMailSink(layout.mail))
  const slack = stack.use(await startSlackSink(layout.slack))
  const otlp = stack.use(await startOtlpSink(layout.traces))
  return {
    vaultPort: 1,
    ferryPort: 1,
    ferryCa: layout.vaultCa,
    smtpPort: mail.port,
    slackUrl: slack.url,
    otlpPort: otlp.port,
  }
}

function writeFacts(layout: Layout, entries: readonly SiteEntry[], addresses: SiteAddresses): void {
  const facts: SiteFacts = {
    realm,
    entries,
    credds: creddsOf(entries),
    pools: entries.map((entry) => ({
      collector,
      constraint: scheddConstraint(entry),
      schedds: entry.credds,
    })),
    vaultServer: `localhost:${addresses.vaultPort}`,
  }
  writeFileSync(layout.facts, `${JSON.stringify(facts, null, 2)}\n`)
}

function findNode(nodes: readonly SshNode[], name: string): SshNode {
  const node = nodes.find((one) => one.name === name)
  if (!node)
    throw new Error(`the site has no node ${name}; it has ${nodes.map((one) => one.name).join(', ')}`)
  return node
}
