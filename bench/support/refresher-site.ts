/**
 * A refresher by itself with many entries: the daemon, the bus, the KDC and kinit are real; htgettoken takes the CPU time of
 * the real one and leaves a token, Vault answers how long that lives, and a collector names its credds.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { smallProcess } from '../../cli/up/small-process.ts'
import { principalOf, realm } from '../../sandbox/entry.ts'
import { chooseLoopback } from '../../sandbox/free-port.ts'
import { createRealm, type Kdc } from '../../sandbox/kdc.ts'
import { type Layout, layoutOf } from '../../sandbox/layout.ts'
import { daemonMain, startDaemon, startServer } from '../../sandbox/support/daemon.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import { startVault } from './answering-vault.ts'
import { peakRssMb } from './process-facts.ts'

/** As many as the refresher works on at once unless told otherwise. */
const concurrency = 8
const collectorCount = 10

/** What keeps a core busy for as long as the real htgettoken (Python, half a second) does, and leaves what it leaves. */
const htgettoken = `#!/usr/bin/perl
for (@ARGV) {
  next unless /^--vaulttokenfile=(.*)/;
  open my $file, '>', $1 or die "$1: $!\\n";
  print $file "hvs.nobody\\n";
}
do { 1 for 1 .. 10_000 } while (times)[0] + (times)[1] < 0.5;
`

const condorStatus = `#!/bin/sh
for credd in 1 2 3; do echo "credd$credd.$2"; done
`

/** Keys of the configuration that one refresher has and others have not. */
export type Settings = Readonly<Record<string, unknown>>

export interface RefresherSite extends AsyncDisposable {
  /** As an operator. */
  readonly bus: Bus
  readonly entryCount: number
  /** Everything that the refresher which was started last has logged. */
  refresherLog(): string
  /** Returns when it is ready. `preloaded` are modules that are loaded into it beforehand. */
  start(settings?: Settings, preloaded?: readonly string[]): Promise<Refresher>
  /** The commands that a first run starts for the entries from one number up to another, as many at once; until the last has ended. */
  runBareCommands(from: number, to: number): Promise<void>
}

export interface Refresher extends AsyncDisposable {
  pid(): number
  /** So far. */
  peakRssMb(): number
}

/** Starts all that a refresher needs. Disposing stops it; the directory is the caller's. */
export async function openRefresherSite(dir: string, entryCount: number): Promise<RefresherSite> {
  await using stack = new AsyncDisposableStack()
  const layout = layoutOf(dir)
  for (const directory of ['vault', 'logs', 'keytabs', 'bin', 'state'] as const) mkdirSync(layout[directory])
  const kdc = stack.use(await makeRealm(layout, entryCount))
  await kdc.start()
  const vault = stack.use(await startVault(layout))
  writeFileSync(join(layout.bin, 'htgettoken'), htgettoken, { mode: 0o755 })
  writeFileSync(join(layout.bin, 'condor_status'), condorStatus, { mode: 0o755 })
  const server = stack.use(await startServer({ layout }))
  // The notifier's buckets, which the refresher waits for.
  const notifier = stack.use(await server.connect('notifier'))
  await ensureOwned(notifier, 'notifier')
  const bus = stack.use(await server.connect('operator'))
  const opened = stack.move()
  return {
    ...{ bus, entryCount },
    refresherLog: () => readFileSync(logOf(layout), 'utf8'),
    start(settings = {}, preloaded = []) {
      const config = { ...configOf(layout, entryCount, vault.port), ...settings }
      return startRefresher(layout, server.url, config, preloaded)
    },
    runBareCommands: (from, to) => runBareCommands(layout, from, to),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const logOf = ({ logs }: Layout) => join(logs, 'refresher.log')
const accountOf = (n: number) => `account${n}`

function makeRealm(layout: Layout, entryCount: number): Promise<Kdc> {
  const keytabs = Array.from({ length: entryCount }, (_, n) => ({
    file: join(layout.keytabs, `${accountOf(n)}.keytab`),
    principals: [principalOf(accountOf(n))],
  }))
  return createRealm(layout, keytabs, chooseLoopback()(0))
}

const configOf = (layout: Layout, entryCount: number, vaultPort: number) => ({
  keytabPath: layout.keytabs,
  kerberosPrincipalPattern: principalOf('{{.Account}}'),
  vaultServer: `localhost:${vaultPort}`,
  minTokenLifetime: '3d',
  timeouts: { globalTimeout: '1h' },
  schedule: { cron: false, uids: false },
  vault: { caPath: layout.certificates },
  refresher: {
    ...{ concurrency, stripRealms: [realm] },
    ...{ htgettoken: join(layout.bin, 'htgettoken'), condorStatus: join(layout.bin, 'condor_status') },
  },
  experiments: Object.fromEntries(Array.from({ length: entryCount }, (_, n) => [`exp${n}`, experimentOf(n)])),
})

const experimentOf = (n: number) => ({
  emails: ['nobody@sandbox.test'],
  roles: {
    production: {
      account: accountOf(n),
      desiredUIDOverride: 10_000 + n,
      destinationNodes: [`node${n % 50}.sandbox.test`],
      condorCollectorHostOverride: `collector${n % collectorCount}.sandbox.test`,
    },
  },
})

/** Returns when it is ready. */
export async function startRefresher(
  layout: Layout,
  url: string,
  settings: Settings,
  preloaded: readonly string[] = [],
): Promise<Refresher> {
  // Measured is what starts from the second time on: the first start compiles.
  execFileSync(process.execPath, [daemonMain('refresher'), '--help'], {
    env: { PATH: process.env.PATH, ...smallProcess(layout.state) },
  })
  writeFileSync(logOf(layout), '')
  writeFileSync(layout.config, JSON.stringify(settings))
  const site = { layout, config: layout.config, env: { KRB5_CONFIG: layout.krb5Config } }
  const nodeOptions = preloaded.map((file) => `--import=${file}`).join(' ')
  const daemon = await startDaemon('refresher', site, url, nodeOptions)
  return {
    pid: () => daemon.pid() ?? 0,
    peakRssMb: () => peakRssMb(daemon.pid()),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

/** A session each, as they have in the refresher: the kernel shares the cores among sessions. */
async function runBareCommands({ bin, keytabs, krb5Config, dir }: Layout, from: number, to: number) {
  const scratch = join(dir, 'bare')
  mkdirSync(scratch, { recursive: true })
  const one = `
    kinit -k -t "${keytabs}/$0.keytab" -c "FILE:${scratch}/$0.ccache" "${principalOf('$0')}" &&
    exec "${bin}/htgettoken" --vaulttokenfile="${scratch}/$0.token"`
  const xargs = promisify(execFile)('xargs', ['-n', '1', '-P', `${concurrency}`, 'setsid', 'sh', '-c', one], {
    env: { PATH: process.env.PATH, KRB5_CONFIG: krb5Config },
  })
  xargs.child.stdin?.end(Array.from({ length: to - from }, (_, n) => `${accountOf(from + n)}\n`).join(''))
  await xargs
}
