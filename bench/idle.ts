/**
 * What four daemons cost that have nothing to do, and how soon they could do something: started by the supervisor of
 * `managed-tokens up` with a private nats-server, left alone for a while, then looked at through `/proc`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type Supervisor, startSupervisor } from '../cli/up/supervise.ts'
import { daemons } from '../shared/contracts/subjects.ts'
import { type Benchmark, round } from './support/benchmark.ts'
import { pssMb, readStat } from './support/process-facts.ts'

const experimentCount = 20
/** From the moment they are ready until nothing of the start is left to be tidied up (milliseconds). */
const settleMs = 15_000
/** Longer than any period with which a daemon does something: V8 collects an idle one's garbage every hundred seconds (milliseconds). */
const windowMs = 200_000

export const benchmark: Benchmark = {
  about: `idle: four daemons with ${experimentCount} entries and nothing to do, for ${windowMs / 1_000} s`,
  thresholds: { cpuPercent: { atMost: 0.5 }, pssMb: { atMost: 350 }, readyMs: { atMost: 2_500 } },
  run: measure,
}

async function measure(dir: string, say: (line: string) => void) {
  const configFile = writeConfig(dir)
  say('starting once, so that what is measured is not the first start, which compiles …')
  {
    await using first = await start(dir, configFile)
    await first.ready()
  }
  const started = performance.now()
  await using supervisor = await start(dir, configFile)
  await supervisor.ready()
  const readyMs = performance.now() - started
  say(`ready in ${Math.round(readyMs)} ms; looking on for ${(settleMs + windowMs) / 1_000} s …`)
  await sleep(settleMs)
  const before = snapshot(supervisor)
  const startedLooking = performance.now()
  await sleep(windowMs)
  const after = snapshot(supervisor)
  const tookMs = performance.now() - startedLooking
  const cpuMs = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (after[name]?.cpuMs ?? Number.NaN) - (before[name]?.cpuMs ?? 0), 0)
  const memory = (name: string) => round(after[name]?.pssMb ?? Number.NaN)
  return {
    cpuPercent: round((100 * cpuMs(daemons)) / tookMs),
    pssMb: round(daemons.reduce((sum, daemon) => sum + memory(daemon), 0)),
    readyMs: round(readyMs),
    ...Object.fromEntries(daemons.map((daemon) => [`${daemon}PssMb`, memory(daemon)])),
    ...Object.fromEntries(
      daemons.map((daemon) => [`${daemon}CpuPercent`, round((100 * cpuMs([daemon])) / tookMs)]),
    ),
    natsServerCpuPercent: round((100 * cpuMs(['nats-server'])) / tookMs),
  }
}

const start = (dir: string, configFile: string): Promise<Supervisor> =>
  startSupervisor({ configFile, stateRoot: join(dir, 'state'), logDir: join(dir, 'logs'), allowRoot: true })

/** By process name: CPU time until now, and memory. */
function snapshot(supervisor: Supervisor): Record<string, { cpuMs: number; pssMb: number }> {
  return Object.fromEntries(
    Object.entries(supervisor.pids()).map(([name, pid]) => [
      name,
      { cpuMs: readStat(pid ?? 0)?.ownMs ?? Number.NaN, pssMb: pssMb(pid) },
    ]),
  )
}

/** No run comes in between: the schedule fires once a year. */
function writeConfig(dir: string): string {
  const file = join(dir, 'managedTokens.yml')
  const experiment = (n: number) => ({
    emails: ['nobody@bench.test'],
    roles: {
      production: {
        account: `account${n}`,
        desiredUIDOverride: 10_000 + n,
        destinationNodes: [`node${n}.bench.test`],
        condorCreddHostOverride: 'credd.bench.test',
      },
    },
  })
  const settings = {
    keytabPath: join(dir, 'keytabs'),
    kerberosPrincipalPattern: '{{.Account}}/bench@BENCH.TEST',
    vaultServer: 'vault.bench.test',
    email: { from: 'nobody@bench.test', smtphost: '127.0.0.1' },
    schedule: { cron: '0 0 1 1 *', uids: '0 0 1 1 *' },
    experiments: Object.fromEntries(
      Array.from({ length: experimentCount }, (_, n) => [`exp${n}`, experiment(n)]),
    ),
  }
  writeFileSync(file, stringify(settings))
  return file
}
