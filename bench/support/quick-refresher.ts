/**
 * A refresher by itself with many entries, and with kinit, htgettoken and condor_status that do nothing: the daemon and the
 * bus are real, Vault answers how long a token lives and no more. What benchmarks of runs need.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { smallProcess } from '../../cli/up/small-process.ts'
import { layoutOf } from '../../sandbox/layout.ts'
import { ccacheBytes } from '../../sandbox/support/ccache.ts'
import { startServer } from '../../sandbox/support/daemon.ts'
import { makeTls } from '../../sandbox/tls.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { ensureTopology } from '../../shared/bus/streams/topology.ts'
import type { ProbeReport } from './loop-probe.ts'

export interface QuickSiteOptions {
  readonly dir: string
  readonly entryCount: number
  readonly collectorCount: number
  readonly creddsPerCollector: number
}

/** Keys of the configuration that one refresher has and others have not. */
export type Settings = Readonly<Record<string, unknown>>

export interface QuickSite extends AsyncDisposable {
  /** As an operator. */
  readonly bus: Bus
  /** Returns when it is ready. `imports` are loaded into it beforehand. */
  start(settings?: Settings, imports?: readonly string[]): Promise<QuickRefresher>
}

export interface QuickRefresher extends AsyncDisposable {
  /** What was measured since the last report. */
  report(): Promise<ProbeReport>
  /** Everything it has logged. */
  logged(): string
}

/** Starts all that a refresher needs. Disposing stops it; the directory is the caller's. */
export async function openQuickSite(options: QuickSiteOptions): Promise<QuickSite> {
  const { dir } = options
  await using stack = new AsyncDisposableStack()
  const layout = layoutOf(dir)
  for (const directory of [layout.vault, layout.logs]) mkdirSync(directory)
  const tls = await makeTls(layout)
  const vault = createServer(tls, (_request, response) => response.end('{"data":{"ttl":2419200}}'))
  vault.listen(0, '127.0.0.1')
  await once(vault, 'listening')
  stack.defer(() => {
    vault.closeAllConnections()
    vault.close()
  })
  writePrograms(options)
  const server = stack.use(await startServer({ layout }))
  // The notifier's buckets, which the refresher waits for.
  const notifier = stack.use(await server.connect('notifier'))
  await ensureTopology(notifier, 'notifier', { streams: [], buckets: [] })
  const bus = stack.use(await server.connect('operator'))
  // As `managed-tokens up` starts daemons, and from the second start on: the first one compiles.
  execFileSync(process.execPath, [refresherMain, '--help'], { env: environmentOf(dir) })
  const { port } = vault.address() as AddressInfo
  const opened = stack.move()
  return {
    bus,
    start: (settings = {}, imports = []) =>
      startRefresher(dir, writeConfig(options, port, settings), server.url, imports),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** The daemon in a process of its own, with a probe beside it that measures its loop. */
async function startRefresher(
  dir: string,
  config: string,
  url: string,
  imports: readonly string[],
): Promise<QuickRefresher> {
  const log = openSync(join(dir, 'refresher.log'), 'w')
  const loaded = [join(import.meta.dirname, 'loop-probe.ts'), ...imports]
  const child = fork(
    refresherMain,
    ['--config', config, '--state', layoutOf(dir).state, '--nats', url, '--allow-root'],
    {
      execArgv: loaded.flatMap((file) => ['--import', file]),
      env: environmentOf(dir),
      stdio: ['ignore', log, log, 'ipc'],
    },
  )
  const exited = once(child, 'exit')
  const logged = () => readFileSync(join(dir, 'refresher.log'), 'utf8')
  await new Promise<void>((resolve, reject) => {
    child.on('message', (message) => message === 'ready' && resolve())
    child.once('exit', () => reject(new Error(`it ended: ${logged()}`)))
  })
  return {
    logged,
    async report() {
      const answer = once(child, 'message')
      child.send('probe')
      const [report] = (await answer) as [ProbeReport]
      return report
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

const refresherMain = join(import.meta.dirname, '../../services/refresher/main.ts')

const environmentOf = (dir: string) => ({
  PATH: `${join(dir, 'bin')}:${process.env.PATH}`,
  HOME: dir,
  ...smallProcess(layoutOf(dir).state),
})

function writePrograms({ dir, entryCount, creddsPerCollector }: QuickSiteOptions): void {
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  for (const [name, script] of Object.entries(doNothing)) program(bin, name, script)
  for (let n = 0; n < entryCount; n++) writeFileSync(join(bin, `account${n}.ticket`), ticketOf(`account${n}`))
  program(
    bin,
    'condor_status',
    `for credd in ${Array.from({ length: creddsPerCollector }, (_, n) => n + 1).join(' ')}; do echo "credd$credd.$2"; done`,
  )
}

function writeConfig(
  { dir, entryCount, collectorCount }: QuickSiteOptions,
  vaultPort: number,
  settings: Settings,
): string {
  const [bin, certificates] = [join(dir, 'bin'), layoutOf(dir).certificates]
  const config = join(dir, 'managedTokens.yml')
  const base = {
    keytabPath: join(dir, 'keytabs'),
    kerberosPrincipalPattern: '{{.Account}}/bench@BENCH.TEST',
    vaultServer: `localhost:${vaultPort}`,
    minTokenLifetime: '3d',
    timeouts: { globalTimeout: '300s' },
    schedule: { cron: false, uids: false },
    vault: { caPath: certificates },
    refresher: { htgettoken: join(bin, 'htgettoken'), condorStatus: join(bin, 'condor_status') },
    experiments: Object.fromEntries(
      Array.from({ length: entryCount }, (_, n) => [`exp${n}`, experimentOf(n, collectorCount)]),
    ),
  }
  writeFileSync(config, stringify({ ...base, ...settings }))
  return config
}

/** What the kinit above writes for an account: a ticket that lives until 2038, for a shell's `printf`. */
function ticketOf(account: string): string {
  const bytes = ccacheBytes({
    client: [account, 'bench'],
    realm: 'BENCH.TEST',
    tickets: [{ server: ['krbtgt', 'BENCH.TEST'], end: 2 ** 31 }],
  })
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

/** Each leaves what the refresher looks for afterwards. */
const doNothing = {
  kinit: `while [ "$1" != -c ]; do shift; done; read -r bytes <"\${0%/*}/\${3%%/*}.ticket"; printf "$bytes" >"\${2#FILE:}"`,
  htgettoken: `for word; do case $word in --vaulttokenfile=*) echo hvs.nobody >"\${word#*=}" ;; esac; done`,
}

const experimentOf = (n: number, collectorCount: number) => ({
  emails: ['nobody@bench.test'],
  roles: {
    production: {
      account: `account${n}`,
      desiredUIDOverride: 10_000 + n,
      destinationNodes: [`node${n % 50}.bench.test`],
      condorCollectorHostOverride: `collector${n % collectorCount}.bench.test`,
    },
  },
})

function program(bin: string, name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, name), 0o755)
}
