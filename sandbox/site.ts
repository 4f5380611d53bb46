/** A whole laboratory in one directory: KDC, nodes, credds, Vault, FERRY, mail, Slack and traces, up in a second and gone without trace. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { startBlackHole } from './black-hole.ts'
import { defaultEntries } from './default-entries.ts'
import { collector, creddsOf, realm, type SiteEntry, scheddConstraint } from './entry.ts'
import { isAffected } from './fault-file.ts'
import { type Faults, writeFaults } from './faults.ts'
import { prepareHosts, vaultKeytab } from './hosts.ts'
import { type Layout, layoutOf } from './layout.ts'
import { nodeKeytab, type SshdSettings, type SshNode } from './nodes.ts'
import { leaveDirectory, prepareDirectory } from './prepare-directory.ts'
import { type SiteAddresses, startServers } from './servers.ts'
import type { SiteFacts } from './site-facts.ts'
import { writeWrappers } from './wrappers.ts'
import { writeConfig } from './write-config.ts'

export interface SiteOptions {
  /** Everything of the site is in here; emptied first (refused when it holds something else). */
  readonly dir: string
  readonly faults?: Faults
  readonly entries?: readonly SiteEntry[]
  /** Of all nodes. */
  readonly sshd?: SshdSettings
  /** How long a bearer token lives; an hour unless given. */
  readonly bearerSeconds?: number
  /** Lets tests hold the distributor's ssh (`hold.ts`). */
  readonly holdSsh?: boolean
  /** Keys that replace or add to those of the generated configuration; sections are merged one level deep. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface SandboxSite extends AsyncDisposable {
  readonly dir: string
  readonly layout: Layout
  readonly entries: readonly SiteEntry[]
  /** The generated `managedTokens.yml`. */
  readonly config: string
  /** What the daemons' environment needs besides the configuration: where the KDC and their private state are. */
  readonly env: { readonly KRB5_CONFIG: string; readonly MANAGED_TOKENS_STATE: string }
  readonly addresses: SiteAddresses
  readonly nodes: readonly SshNode[]
  startKdc(): Promise<void>
  stopKdc(): Promise<void>
  /** By full name; rejects when the site has no such node. */
  startNode(name: string): Promise<void>
  stopNode(name: string): Promise<void>
  /** Gives Vault, or the node with this full name, new Kerberos keys in place of the old ones. */
  rekey(host: string): Promise<void>
}

/**
 * Starts everything; disposing it ends every process and socket, and leaves the files for inspection.
 * Needs root (mount namespaces, files of other owners) and the Debian packages of the KDC and sshd.
 * @throws Error with the first thing that did not start; what had started is stopped again.
 */
export async function startSite(options: SiteOptions): Promise<SandboxSite> {
  const { entries = defaultEntries, faults = {}, sshd = {} } = options
  const { holdSsh = false, settings = {}, bearerSeconds } = options
  if (process.getuid?.() !== 0)
    throw new Error('the sandbox makes mount namespaces and files of other owners: run it as root')
  const layout = layoutOf(resolve(options.dir))
  prepareDirectory(layout.dir)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => leaveDirectory(layout.dir))
  makeDirectories(layout, creddsOf(entries))
  writeFaults(layout.dir, faults)

  const { kdc, nodes } = await prepareHosts(layout, entries, sshd)
  for (const host of [kdc, ...nodes]) stack.use(host)
  for (const node of nodes)
    if (isAffected(faults['node-black-hole'], node.name)) stack.use(await startBlackHole(node))
  const up = nodes.filter(
    ({ name }) => !isAffected(faults['node-down'], name) && !isAffected(faults['node-black-hole'], name),
  )
  // Settled, not all: nothing may still be starting when a failure tidies up.
  const started = await Promise.allSettled(
    [...(faults['kdc-down'] ? [] : [kdc]), ...up].map((host) => host.start()),
  )
  for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason
  const addresses = await startServers(layout, entries, stack, { bearerSeconds })

  writeFacts(layout, entries, addresses)
  writeWrappers(layout)
  writeConfig(layout, entries, addresses, { holdSsh, settings })

  const running = stack.move()
  return {
    dir: layout.dir,
    layout,
    entries,
    config: layout.config,
    env: { KRB5_CONFIG: layout.krb5Config, MANAGED_TOKENS_STATE: layout.state },
    addresses,
    nodes,
    startKdc: () => kdc.start(),
    stopKdc: () => kdc.stop(),
    startNode: async (name) => findNode(nodes, name).start(),
    stopNode: async (name) => findNode(nodes, name).stop(),
    async rekey(host) {
      if (host === 'vault') return kdc.rekey(vaultKeytab(layout))
      const node = findNode(nodes, host)
      await kdc.rekey(nodeKeytab(layout, node))
      // It has a copy.
      await node.stop()
      await node.start()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

export function makeDirectories(layout: Layout, credds: readonly string[]): void {
  for (const directory of ['vault', 'keytabs', 'state'] as const)
    mkdirSync(layout[directory], { mode: 0o700 })
  for (const directory of ['nodes', 'credds', 'logs', 'mail', 'slack', 'traces', 'holds', 'held'] as const)
    mkdirSync(layout[directory])
  for (const credd of credds) mkdirSync(join(layout.credds, credd))
}

export function writeFacts(layout: Layout, entries: readonly SiteEntry[], addresses: SiteAddresses): void {
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
  // No COLLECTOR_HOST: a daemon that forgets to name its pool must not be lucky.
  const condor = { SEC_CREDENTIAL_GETTOKEN_OPTS: `-a ${facts.vaultServer}` }
  mkdirSync(dirname(layout.condorConfig))
  writeFileSync(layout.condorConfig, `${JSON.stringify(condor)}\n`)
}

export function findNode(nodes: readonly SshNode[], name: string): SshNode {
  const node = nodes.find((one) => one.name === name)
  if (!node)
    throw new Error(`the site has no node ${name}; it has ${nodes.map((one) => one.name).join(', ')}`)
  return node
}
