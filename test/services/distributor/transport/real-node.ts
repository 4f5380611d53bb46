/** One node with a real sshd and a real KDC, and pushes to it as the daemon makes them; the account's shell can be put in their way. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SiteEntry } from '../../../../sandbox/entry.ts'
import { layoutOf, nodeTmp } from '../../../../sandbox/layout.ts'
import type { PlacedFile } from '../../../../services/distributor/transport/push.ts'
import type { Entry, Site } from '../../../../shared/config/site.ts'
import { makeEntry } from '../../../support/entry.ts'

const dir = mkdtempSync(join(tmpdir(), 'mt-real-node-'))
const layout = layoutOf(dir)
// Read once, by the first module that needs it.
process.env.KRB5_CONFIG = layout.krb5Config
const { siteOf } = await import('../../build.ts')
const { startSite } = await import('../../../../sandbox/site.ts')
const { sshdDirectory } = await import('../../../../sandbox/nodes.ts')
const { pushToNode } = await import('../../../../services/distributor/push-to-node.ts')
const { openAskedUids } = await import('../../../../services/distributor/nodes/asked-uids.ts')
const { openCircuitBreaker } = await import('../../../../services/distributor/nodes/circuit-breaker.ts')
const { openConcurrencyLimits } = await import('../../../../services/distributor/nodes/concurrency-limit.ts')
const { openControlMasters } = await import('../../../../services/distributor/ssh/control-master.ts')
const { openTickets } = await import('../../../../shared/kerberos/kinit.ts')

export const node = 'dunegpvm01.sandbox.test'
/** Lets connections through to other nodes. */
const jumpHost = 'jump01.sandbox.test'
export const uid = 50_762
const account = 'dunepro'
const siteEntry: SiteEntry = {
  ...{ experiment: 'dune', role: 'production', account, uid, uidFrom: 'config' },
  ...{ nodes: [node, jumpHost], credds: [], creddsFrom: 'none' },
}

export interface PushOptions {
  readonly transport?: 'ssh' | 'rsync'
  /** `asked`: the node is asked for it. */
  readonly uid?: number | 'asked'
  readonly keep?: boolean
  /** Through another host. */
  readonly isJumping?: boolean
  /** By another name than its own, which only a program on the way knows to be this node. */
  readonly calledAs?: string
  readonly signal?: AbortSignal
}

export interface RealNode extends AsyncDisposable {
  /** Pushes the two token files with this content. */
  push(content: string, options?: PushOptions): Promise<string | undefined>
  /** What lies there, by name. */
  read(): { readonly first: string; readonly second: string }
  start(): Promise<void>
  stop(): Promise<void>
  startJumpHost(): Promise<void>
  stopJumpHost(): Promise<void>
  /** Starts the node's sshd again with a line more in its configuration; returns what takes that back. */
  configure(line: string): Promise<() => Promise<void>>
  /** Takes the node's keytab away, and returns what brings it back. */
  removeKeytab(): Promise<() => Promise<void>>
  /** Starts the node again with a `/tmp` of so many bytes that holds what was there. */
  restartWithTmp(size: string): Promise<void>
  /** The node's `/tmp` as it is now. */
  tmp(): string
  /** The account's login shell is this script from now on; absent: bash again. It may read `$HOME`. */
  setShell(script?: string): void
  setShellTo(program: string): void
  /** Takes the account away, as `userdel` would; `setShellTo` does not bring it back. Returns what does. */
  removeAccount(): () => void
  /** Makes another host key the known one. Returns what undoes it. */
  forgeHostKey(): () => void
  /** How often somebody logged in so far. */
  logins(): number
  /** Where connections are kept. */
  readonly connections: string
  closeConnections(): Promise<void>
  readonly home: string
}

/** Changes a file, and returns what takes that back. */
function edit(file: string, change: (text: string) => string): () => void {
  const before = readFileSync(file, 'utf8')
  writeFileSync(file, change(before))
  return () => writeFileSync(file, before)
}

export async function startRealNode(): Promise<RealNode> {
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(dir, { recursive: true, force: true }))
  const site = stack.use(await startSite({ dir, entries: [siteEntry] }))
  await site.stopNode(node)
  // A connection that is kept must do with one session at a time.
  appendFileSync(join(sshdDirectory(layout, node), 'sshd_config'), 'MaxSessions 1\n')
  await site.startNode(node)
  await site.stopNode(jumpHost)
  edit(join(sshdDirectory(layout, jumpHost), 'sshd_config'), (text) =>
    text.replace('AllowTcpForwarding no', 'AllowTcpForwarding yes'),
  )
  await site.startNode(jumpHost)
  const tickets = stack.use(await openTickets(join(dir, 'tickets')))
  // Longer than a socket's address may be.
  const connections = join(dir, 'a-directory-with-a-long-name'.repeat(4))
  mkdirSync(connections)
  const masters = stack.use(await openControlMasters(connections, () => 'ssh'))
  const staging = join(dir, 'staging')
  mkdirSync(staging)
  const site0 = withPatience()
  const entry: Entry = makeEntry({
    ...{ account, nodes: [node], keytab: join(layout.keytabs, `${account}.keytab`) },
    ...{ sshOptions: ['-F', layout.sshConfig], fileCopierOptions: ['--perms', '--chmod=u=r,go='] },
  })
  const home = join(layout.nodes, node, 'home', account)
  const outside = nodeTmp(layout, node)
  /** Open while `/tmp` is a mount that only the node has. */
  let mounted: number | undefined
  const tmp = () => (mounted === undefined ? outside : `/proc/self/fd/${mounted}`)
  const forgetMount = () => {
    if (mounted !== undefined) closeSync(mounted)
    mounted = undefined
  }
  stack.defer(forgetMount)
  const passwd = join(layout.nodes, node, 'etc', 'passwd')
  const throughJumpHost = () => {
    const { address, port } = site.nodes.find(({ name }) => name === node) ?? {}
    return `ssh -F ${layout.sshConfig} -l ${account} -W ${address}:${port} ${jumpHost}`
  }
  const setShellTo = (program: string) =>
    writeFileSync(
      passwd,
      readFileSync(passwd, 'utf8').replace(new RegExp(`^(${account}:.*):.*$`, 'm'), `$1:${program}`),
    )
  const running = stack.move()
  return {
    ...{ connections, home, tmp, setShellTo },
    removeAccount: () => edit(passwd, (text) => text.replace(new RegExp(`^${account}:.*\n`, 'm'), '')),
    forgeHostKey() {
      const other = join(dir, 'other-key')
      rmSync(other, { force: true })
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other])
      const [type, key] = readFileSync(`${other}.pub`, 'utf8').split(' ')
      return edit(layout.sshKnownHosts, () => `${node} ${type} ${key}\n`)
    },
    async push(content, options = {}) {
      const { transport = 'ssh', keep = false } = options
      const signal = options.signal ?? new AbortController().signal
      const ccache = await tickets.ccacheOf(entry, {
        minLifeMs: 60_000,
        timeoutMs: 60_000,
        signal,
      })
      const { uid: owner = uid, isJumping = false, calledAs } = options
      const sshOptions = [
        ...entry.sshOptions,
        ...(isJumping ? ['-J', `${account}@${jumpHost}`] : []),
        ...(calledAs ? ['-o', `HostName=${calledAs}`, '-o', `ProxyCommand=${throughJumpHost()}`] : []),
      ]
      // Of each push by itself it is asked what it finds.
      const { warning } = await pushToNode(
        {
          ...{ entry: { ...entry, transport, sshOptions }, node },
          ...(owner === 'asked' ? {} : { uid: owner }),
          filesFor: (found) => tokenFiles(content, found),
        },
        {
          site: { ...site0, distributor: { ...site0.distributor, controlMaster: keep } },
          run: 'r1',
          ccache,
          signal,
        },
        {
          ...{ breaker: openCircuitBreaker(), limits: openConcurrencyLimits(() => 4) },
          ...{ masters, staging, askedUids: openAskedUids() },
        },
      )
      return warning
    },
    read() {
      const [first = '', second = ''] = tokenFiles('').map(({ path }) => inNode(path))
      return { first, second }
    },
    async start() {
      forgetMount()
      await site.startNode(node)
    },
    stop: () => site.stopNode(node),
    startJumpHost: () => site.startNode(jumpHost),
    stopJumpHost: () => site.stopNode(jumpHost),
    configure: (line) =>
      whileStopped(() =>
        edit(join(sshdDirectory(layout, node), 'sshd_config'), (text) => `${text}${line}\n`),
      ),
    removeKeytab: () =>
      whileStopped(() => {
        const keytab = join(sshdDirectory(layout, node), 'krb5.keytab')
        renameSync(keytab, `${keytab}.away`)
        return () => renameSync(`${keytab}.away`, keytab)
      }),
    async restartWithTmp(size) {
      await site.stopNode(node)
      const kept = tokenFiles('').map(({ path }) => [path, inNode(path)] as const)
      // The node takes the mount along into its own namespace; here it ends at once.
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=1777`, 'none', outside])
      mounted = openSync(outside, 'r')
      try {
        for (const [path, content] of kept) {
          const file = join(outside, path.slice('/tmp/'.length))
          writeFileSync(file, content, { mode: 0o400 })
          execFileSync('chown', [`${uid}:${uid}`, file])
        }
        await site.startNode(node)
      } finally {
        execFileSync('umount', ['-l', outside])
      }
    },
    setShell(script) {
      const file = join(home, 'shell')
      if (script !== undefined) writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
      setShellTo(script === undefined ? '/bin/bash' : `/home/${account}/shell`)
    },
    setShellTo,
    logins: () =>
      readFileSync(join(layout.logs, `sshd-${node}.log`), 'utf8').match(/^Accepted gssapi/gm)?.length ?? 0,
    closeConnections: async () => masters[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }

  /** Changes what sshd reads when it starts, and returns what takes that back. */
  async function whileStopped(change: () => () => void): Promise<() => Promise<void>> {
    await site.stopNode(node)
    const undo = change()
    await site.startNode(node)
    return async () => {
      await site.stopNode(node)
      undo()
      await site.startNode(node)
    }
  }

  function inNode(path: string): string {
    return readFileSync(join(tmp(), path.slice('/tmp/'.length)), 'utf8').trim()
  }
}

/** A site with which only what hangs runs into a time-out. */
function withPatience(): Site {
  const site = siteOf()
  const timeouts = { ...site.timeouts, pingMs: 20_000, pushMs: 90_000 }
  return { ...site, timeouts, distributor: { ...site.distributor, controlPersist: 60_000 } }
}

export const tokenFiles = (content: string, of = uid): PlacedFile[] => [
  { path: `/tmp/vt_u${of}`, mode: '400', content },
  { path: `/tmp/vt_u${of}-dune_production`, mode: '400', content },
]
