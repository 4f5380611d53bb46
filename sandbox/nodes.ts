/** The nodes: each a real sshd in mount and process namespaces of its own, with its own `/tmp`, accounts and host key. */
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Account, writeAccountFiles, writeHomes } from './accounts.ts'
import { type Child, startChild } from './child.ts'
import { findFreePort } from './free-port.ts'
import type { KeytabSpec } from './kdc.ts'
import { type Layout, nodeTmp } from './layout.ts'

const run = promisify(execFile)

export interface NodeAddress {
  /** Fully qualified, as in `destinationNodes`. */
  readonly name: string
  readonly address: string
  readonly port: number
}

export interface SshNode extends NodeAddress, AsyncDisposable {
  start(): Promise<void>
  /** Kills sshd with all its sessions; its port refuses connections from then on. */
  stop(): Promise<void>
}

export interface SshdSettings {
  /** sshd's own default, unless given. */
  readonly maxStartups?: string
  /** Leaves the key exchange to both sides, as on any machine: OpenSSH's own choice may cost the client nine tenths of its CPU. */
  readonly ownKeyExchange?: boolean
}

export interface NodeOptions {
  readonly accounts: readonly Account[]
  readonly sshd: SshdSettings
  /** The key that opens the accounts; absent: Kerberos does. */
  readonly publicKey?: string
}

/** What the node's sshd is given: its configuration, keys and keytab. */
export const sshdDirectory = (layout: Layout, node: string) => join(layout.nodes, node, 'sshd')

/** Gives each node a loopback address and a port of its own. */
export const addressNodes = (
  names: readonly string[],
  loopback: (index: number) => string,
): Promise<NodeAddress[]> =>
  Promise.all(
    names.map(async (name, index) => {
      const address = loopback(index)
      return { name, address, port: await findFreePort(address) }
    }),
  )

/** The node's keytab: for its name, and for its address, which is what ssh asks for when `HostName` is an address. */
export const nodeKeytab = (layout: Layout, node: NodeAddress): KeytabSpec => ({
  file: join(sshdDirectory(layout, node.name), 'krb5.keytab'),
  principals: [`host/${node.name}`, `host/${node.address}`],
})

/** Makes the node's directory, before its keytab; nothing runs yet. */
export async function prepareNode(layout: Layout, node: NodeAddress, options: NodeOptions): Promise<SshNode> {
  const directory = join(layout.nodes, node.name)
  const sshd = sshdDirectory(layout, node.name)
  mkdirSync(sshd, { recursive: true })
  mkdirSync(join(directory, 'run'))
  mkdirSync(nodeTmp(layout, node.name))
  // mkdir's mode is cut by the umask, and loses the sticky bit.
  chmodSync(nodeTmp(layout, node.name), 0o1777)
  writeAccountFiles(join(directory, 'etc'), options.accounts)
  writeHomes(join(directory, 'home'), options.accounts, options.publicKey)
  writeSshdConfig(layout, node, options.sshd, options.publicKey === undefined ? byTicket : byKey)
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', node.name, '-f', join(sshd, 'host_key')])
  return controlNode(layout, node)
}

/** An sshd reads it when it starts. */
export const writeSshdConfig = (
  layout: Layout,
  node: NodeAddress,
  settings: SshdSettings,
  login: string = byTicket,
) => writeFileSync(join(sshdDirectory(layout, node.name), 'sshd_config'), sshdConfig(node, settings, login))

function controlNode(layout: Layout, node: NodeAddress): SshNode {
  let child: Child | undefined
  const start = async () => {
    if (child) return
    if (existsSync(layout.krb5Config))
      copyFileSync(layout.krb5Config, join(sshdDirectory(layout, node.name), 'krb5.conf'))
    child = await startChild({
      name: `sshd of ${node.name}`,
      command: [...namespaceCommand, join(layout.nodes, node.name)],
      env: sshdEnv,
      log: join(layout.logs, `sshd-${node.name}.log`),
      ready: /Server listening on/,
    })
  }
  const stop = async () => {
    await child?.stop()
    child = undefined
  }
  return { ...node, start, stop, [Symbol.asyncDispose]: stop }
}

/** A process namespace too, because only that takes sshd's sessions along, whatever kills sshd. */
const namespaceCommand = [
  'unshare',
  '--mount',
  '--propagation=private',
  '--pid',
  '--kill-child=KILL',
  '--mount-proc',
  'sh',
  fileURLToPath(new URL('node-namespace.sh', import.meta.url)),
] as const

const sshdEnv = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  KRB5_CONFIG: '/run/node/krb5.conf',
  KRB5_KTNAME: '/run/node/krb5.keytab',
  // The replay cache would go to the machine's /var/tmp.
  KRB5RCACHEDIR: '/run/node',
}

const byTicket = `AuthenticationMethods gssapi-with-mic
GSSAPIAuthentication yes
# The keytab holds a key for the address as well as for the name.
GSSAPIStrictAcceptorCheck no
PubkeyAuthentication no`

const byKey = `AuthenticationMethods publickey
GSSAPIAuthentication no
PubkeyAuthentication yes`

const sshdConfig = (
  node: NodeAddress,
  { maxStartups = '10:30:100', ownKeyExchange = false }: SshdSettings,
  login: string,
) => `ListenAddress ${node.address}
Port ${node.port}
HostKey /run/node/host_key
PidFile none
LogLevel VERBOSE
UsePAM no
UseDNS no
${login}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowTcpForwarding no
PrintMotd no
MaxStartups ${maxStartups}
${ownKeyExchange ? '' : 'KexAlgorithms curve25519-sha256\n'}`
