/** The other shape of a laboratory: a token issuer (IAM), nodes that a key opens; no Kerberos, no Vault, no HTCondor. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { startBlackHole } from './black-hole.ts'
import { accountsOf, bearersOf, creddsOf, nodesOf, type SiteEntry } from './entry.ts'
import { isAffected } from './fault-file.ts'
import { writeFaults } from './faults.ts'
import { chooseLoopback } from './free-port.ts'
import { iamEntries } from './iam-entries.ts'
import { type Issuer, startIssuer } from './issuer/start-issuer.ts'
import { type Layout, layoutOf } from './layout.ts'
import { addressNodes, prepareNode, type SshdSettings, type SshNode } from './nodes.ts'
import { leaveDirectory, prepareDirectory } from './prepare-directory.ts'
import { type SiteAddresses, startSinks } from './servers.ts'
import { findNode, makeDirectories, type SandboxSite, type SiteOptions, writeFacts } from './site.ts'
import { writeSshConfig } from './ssh-config.ts'
import { makeTls } from './tls.ts'
import { writeWrappers } from './wrappers.ts'
import { writeConfig } from './write-config.ts'

const run = promisify(execFile)

export interface IamSite extends SandboxSite {
  readonly issuer: Issuer
}

export interface IamSiteOptions extends SiteOptions {
  /** Whether the issuer forgives a second use of a refresh token; it does not unless given. */
  readonly refreshTokens?: 'once' | 'grace'
}

/** As `startSite`; needs sshd and root, and none of Kerberos’s packages. @throws Error as there. */
export async function startIamSite(options: IamSiteOptions): Promise<IamSite> {
  const { entries = iamEntries, faults = {}, holdSsh = false, settings = {} } = options
  if (process.getuid?.() !== 0)
    throw new Error('the sandbox makes mount namespaces and files of other owners: run it as root')
  const layout = layoutOf(resolve(options.dir))
  prepareDirectory(layout.dir)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => leaveDirectory(layout.dir))
  makeDirectories(layout, creddsOf(entries))
  writeFaults(layout.dir, faults)
  await makeKeys(layout)
  const nodes = await prepareNodes(layout, entries, options.sshd ?? {})
  for (const node of nodes) stack.use(node)
  for (const node of nodes)
    if (isAffected(faults['node-black-hole'], node.name)) stack.use(await startBlackHole(node))
    else if (!isAffected(faults['node-down'], node.name)) await node.start()
  const { issuer, addresses } = await startServers(layout, entries, stack, options)
  writeFacts(layout, entries, addresses)
  writeWrappers(layout)
  writeConfig(layout, entries, addresses, { holdSsh, settings })

  const running = stack.move()
  const absent = async () => {
    throw new Error('this site has no Kerberos')
  }
  return {
    ...{ dir: layout.dir, layout, entries, config: layout.config, addresses, nodes, issuer },
    env: { KRB5_CONFIG: '/dev/null', MANAGED_TOKENS_STATE: layout.state },
    ...{ startKdc: absent, stopKdc: absent, rekey: absent },
    startNode: async (name) => findNode(nodes, name).start(),
    stopNode: async (name) => findNode(nodes, name).stop(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The client's secret at the issuer, and the key that opens the nodes. */
async function makeKeys(layout: Layout): Promise<void> {
  mkdirSync(dirname(layout.clientSecret), { mode: 0o700 })
  writeFileSync(layout.clientSecret, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'managed-tokens', '-f', layout.sshKey])
}

async function prepareNodes(
  layout: Layout,
  entries: readonly SiteEntry[],
  sshd: SshdSettings,
): Promise<SshNode[]> {
  const loopback = chooseLoopback()
  const accounts = accountsOf(entries)
  const publicKey = readFileSync(`${layout.sshKey}.pub`, 'utf8')
  const addressed = await addressNodes(nodesOf(entries), (index) => loopback(index + 1))
  const nodes = await Promise.all(
    addressed.map((node) => prepareNode(layout, node, { accounts, sshd, publicKey })),
  )
  writeSshConfig(layout, nodes)
  return nodes
}

async function startServers(
  layout: Layout,
  entries: readonly SiteEntry[],
  stack: AsyncDisposableStack,
  { bearerSeconds = 3_600, refreshTokens = 'once' }: IamSiteOptions,
): Promise<{ issuer: Issuer; addresses: SiteAddresses }> {
  const tls = await makeTls(layout)
  const bearers = entries.flatMap(bearersOf)
  const issuer = stack.use(
    await startIssuer({
      ...{ dir: layout.dir, tls, tokenSeconds: bearerSeconds, refreshTokens },
      clients: [{ id: 'managed-tokens', secret: readFileSync(layout.clientSecret, 'utf8').trim() }],
      scopes: [...new Set(bearers.flatMap(({ scopes }) => scopes))],
      audiences: [...new Set(bearers.flatMap(({ audience = [] }) => audience))],
    }),
  )
  const sinks = await startSinks(layout, tls, stack)
  return { issuer, addresses: { vaultPort: 0, ferryPort: 0, issuerUrl: issuer.url, ...sinks } }
}
