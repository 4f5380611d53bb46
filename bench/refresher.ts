/**
 * How fast the refresher plans, and what it costs: 500 entries whose credds ten collectors know, with kinit, htgettoken and
 * condor_status that do nothing. The daemon and the bus are real; Vault answers how long a token lives and no more.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { ask } from '../cli/connection.ts'
import { ensureSealingKeys } from '../cli/up/credentials.ts'
import { startNatsServer } from '../cli/up/nats-server.ts'
import { choosePort } from '../cli/up/port.ts'
import { smallProcess } from '../cli/up/small-process.ts'
import { layoutOf } from '../sandbox/layout.ts'
import { makeTls } from '../sandbox/tls.ts'
import { type Bus, connectBus } from '../shared/bus.ts'
import { seedFile } from '../shared/state.ts'
import { requests, streams } from '../shared/subjects.ts'
import { ensureTopology } from '../shared/topology.ts'
import { type Benchmark, round } from './support/benchmark.ts'
import { ccacheBytes } from './support/ccache.ts'
import type { ProbeReport } from './support/loop-probe.ts'

const entryCount = 500
const collectorCount = 10
const creddsPerCollector = 3
/** Many times what it takes (milliseconds). */
const patienceMs = 180_000

export const benchmark: Benchmark = {
  about: `refresher: ${entryCount} entries, ${collectorCount} collectors with ${creddsPerCollector} credds each, commands that do nothing`,
  thresholds: { planMs: { atMost: 5_000 }, rssMb: { atMost: 150 }, loopDelayP99Ms: { atMost: 20 } },
  async run(say) {
    const dir = mkdtempSync(join(tmpdir(), 'mt-bench-'))
    try {
      return await measure(dir, say)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
}

async function measure(dir: string, say: (line: string) => void) {
  await using stack = new AsyncDisposableStack()
  const layout = layoutOf(dir)
  mkdirSync(layout.vault)
  const tls = await makeTls(layout)
  const vault = createServer(tls, (_request, response) => response.end('{"data":{"ttl":2419200}}'))
  vault.listen(0, '127.0.0.1')
  await once(vault, 'listening')
  stack.defer(() => {
    vault.closeAllConnections()
    vault.close()
  })
  const config = writeConfig(dir, (vault.address() as AddressInfo).port, layout.certificates)
  await ensureSealingKeys(layout.state)
  const server = await startNatsServer({
    stateRoot: layout.state,
    port: await choosePort(0),
    onEvent: () => {},
  })
  stack.defer(() => server.stop())
  const connect = (user: 'refresher' | 'notifier' | 'operator') =>
    connectBus({ servers: [server.url], user, seedFile: seedFile(layout.state, user) })
  // The notifier's buckets, which the refresher waits for.
  const notifier = stack.use(await connect('notifier'))
  await ensureTopology(notifier, 'notifier', { streams: [], buckets: [] })
  const bus = stack.use(await connect('operator'))

  // As `managed-tokens up` starts daemons, and from the second start on: the first one compiles.
  for (const program of [[refresherMain, '--help'], [helperMain]])
    execFileSync(process.execPath, program, { env: environmentOf(dir) })
  const refresher = startRefresher(dir, config, server.url)
  stack.defer(() => refresher.stop())
  await refresher.ready
  say('the refresher is ready; asking for a run of everything …')
  const ready = countEvents(bus, 'token.ready.*.*')
  const failed = countEvents(bus, 'token.failed.*.*')
  await bus.nc.flush()
  await refresher.report()

  const started = performance.now()
  await ask(bus, requests.run, {})
  const queuedMs = await until(started, () => isQueued(bus))
  say(`queued in ${Math.round(queuedMs)} ms; making tokens …`)
  await until(started, async () => {
    if (failed.count > 0) throw new Error(`${failed.count} entries failed: see refresher.log`)
    return ready.count >= entryCount
  })
  const measured = await refresher.report()
  const logged = readFileSync(join(dir, 'refresher.log'), 'utf8')
  const collectorsAsked = logged.split('\n').filter((line) => line.includes('a collector answered')).length
  return {
    planMs: round(ready.lastAt - started),
    queuedMs: round(queuedMs),
    rssMb: round(measured.peakRssMb),
    helperRssMb: round(refresher.helperRssMb()),
    loopDelayP99Ms: round(measured.loopDelayP99Ms),
    loopDelayMaxMs: round(measured.loopDelayMaxMs),
    collectorsAsked,
  }
}

async function until(started: number, isIt: () => Promise<boolean>): Promise<number> {
  while (!(await isIt())) {
    if (performance.now() - started > patienceMs)
      throw new Error('the refresher did not get that far in time')
    await sleep(20)
  }
  return performance.now() - started
}

async function isQueued({ jsm }: Bus): Promise<boolean> {
  const { state } = await jsm.streams.info(streams.refresh)
  return state.last_seq >= entryCount
}

/** Heard as they are emitted: asking the stream would cost the server more than the run does. */
function countEvents({ nc }: Bus, subject: string) {
  const heard = { count: 0, lastAt: 0 }
  nc.subscribe(subject, {
    callback() {
      heard.count++
      heard.lastAt = performance.now()
    },
  })
  return heard
}

/** The daemon in a process of its own, with a probe beside it that measures its loop. */
function startRefresher(dir: string, config: string, url: string) {
  const log = openSync(join(dir, 'refresher.log'), 'w')
  const child = fork(
    refresherMain,
    ['--config', config, '--state', layoutOf(dir).state, '--nats', url, '--allow-root'],
    {
      execArgv: ['--import', join(import.meta.dirname, 'support/loop-probe.ts')],
      env: environmentOf(dir),
      stdio: ['ignore', log, log, 'ipc'],
    },
  )
  const exited = once(child, 'exit')
  return {
    ready: new Promise<void>((resolve, reject) => {
      child.on('message', (message) => message === 'ready' && resolve())
      child.once('exit', () =>
        reject(new Error(`it ended: ${readFileSync(join(dir, 'refresher.log'), 'utf8')}`)),
      )
    }),
    /** What was measured since the last report. */
    async report(): Promise<ProbeReport> {
      const answer = once(child, 'message')
      child.send('probe')
      const [report] = (await answer) as [ProbeReport]
      return report
    },
    /** The most that its helper has had: the one child that lives on between commands. */
    helperRssMb(): number {
      const [helper] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')
      const status = helper ? readFileSync(`/proc/${helper}/status`, 'utf8') : ''
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

const helperMain = join(import.meta.dirname, '../shared/process/helper-program.ts')
const refresherMain = join(import.meta.dirname, '../services/refresher/main.ts')

const environmentOf = (dir: string) => ({
  PATH: `${join(dir, 'bin')}:${process.env.PATH}`,
  HOME: dir,
  ...smallProcess(layoutOf(dir).state),
})

function writeConfig(dir: string, vaultPort: number, certificates: string): string {
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  for (const [name, script] of Object.entries(doNothing)) program(bin, name, script)
  for (let n = 0; n < entryCount; n++) writeFileSync(join(bin, `account${n}.ticket`), ticketOf(`account${n}`))
  program(
    bin,
    'condor_status',
    `for credd in ${Array.from({ length: creddsPerCollector }, (_, n) => n + 1).join(' ')}; do echo "credd$credd.$2"; done`,
  )
  const config = join(dir, 'managedTokens.yml')
  const settings = {
    keytabPath: join(dir, 'keytabs'),
    kerberosPrincipalPattern: '{{.Account}}/bench@BENCH.TEST',
    vaultServer: `localhost:${vaultPort}`,
    minTokenLifetime: '3d',
    timeouts: { globalTimeout: '300s' },
    schedule: { cron: false, uids: false },
    vault: { caPath: certificates, requestsPer5Min: 1_000_000 },
    refresher: { htgettoken: join(bin, 'htgettoken'), condorStatus: join(bin, 'condor_status') },
    experiments: Object.fromEntries(
      Array.from({ length: entryCount }, (_, n) => [`exp${n}`, experimentOf(n)]),
    ),
  }
  writeFileSync(config, stringify(settings))
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

const experimentOf = (n: number) => ({
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
