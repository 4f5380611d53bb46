/** The soak of the storer: replicas on one host, chaos by a seed, and what must hold all the while and in the end. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KeptChild, keepRunning } from '../../cli/up/child.ts'
import { readTogether } from '../../sandbox/calls.ts'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import type { Entry } from '../../shared/config/site.ts'
import { seedFile, stateDirectory } from '../../shared/daemon/state.ts'
import { compileCache } from './compile-cache.ts'
import { patience } from './patience.ts'
import { makeDirectory, type Pipeline, startPipeline, within } from './pipeline.ts'
import { randomOf } from './random.ts'
import { assertNoMisuse, assertNothingLeft, emptyEnds, findMisplaced } from './site-ends.ts'

export interface SoakOptions {
  readonly seconds: number
  /** The same seed makes the same choices; what they meet depends on the machine as well. */
  readonly seed: number
  /** Default: 1. */
  readonly lanes?: number
  /** Default: `script`. */
  readonly method?: Entry['storerMethod']
}

/** One storer that chaos can reach. */
interface Replica {
  pid(): number | undefined
  kill(signal: NodeJS.Signals): boolean
}

const entries = generateEntries({ entries: 4, nodes: 0, credds: 2 })
/** Longer than the lease and the ack wait, so that a sleeper wakes up to find others at its work (milliseconds). */
const longestSleepMs = 12_000
const longestPauseMs = 2_500

/** Throws where a promise was broken. */
export async function soakStorers({
  seconds,
  seed,
  lanes = 1,
  method = 'script',
}: SoakOptions): Promise<void> {
  await using directory = await makeDirectory()
  const dir = join(directory.path, 'site')
  {
    await using pipe = await startPipeline({
      dir,
      entries,
      // A sleeper wakes up after the timeout of its command.
      settings: {
        ...patience,
        timeouts: { ...patience.timeouts, vaultStorerTimeout: '10s' },
        storer: { lanes, method },
      },
    })
    await using stack = new AsyncDisposableStack()
    const others = await Promise.all(
      [2, 3].map(async (number) => {
        const replica = stack.adopt(startReplica(pipe, directory.path, number), (child) => child.stop())
        await within(120_000, `replica ${number} is ready`, replica.ready())
        return replica
      }),
    )
    const replicas: Replica[] = [
      {
        pid: () => pipe.supervisor.pids().storer,
        kill: (signal) => pipe.supervisor.kill('storer', signal),
      },
      ...others,
    ]
    const asking = new AbortController()
    const runs = askForRuns(pipe, method, asking.signal)
    const hits = await wreakHavoc(replicas, randomOf(seed), performance.now() + seconds * 1_000)
    asking.abort()
    await runs
    assert.ok(hits > 0, 'the chaos reached somebody')
    await storeEverything(pipe)
    assertNoMisuse(pipe.site)
    // What they must not have in common is misuse; how many they are is not.
    assert.ok(mostTogether(dir) <= lanes, `${mostTogether(dir)} storers at once`)
    assert.deepEqual(await findMisplaced(pipe.site), [])
  }
  await assertNothingLeft(dir)
  assertNoRunsLeft(directory.path)
}

/** How many storers were under way at most. */
function mostTogether(dir: string): number {
  const met = Map.groupBy(readTogether(dir), ({ pid }) => pid)
  return 1 + Math.max(0, ...[...met.values()].map((others) => others.length))
}

/** A storer like the supervisor's, with a state directory of its own and the same key on the bus. */
export function startReplica({ site, supervisor }: Pipeline, directory: string, number: number): KeptChild {
  const state = join(directory, `replica-${number}`)
  mkdirSync(stateDirectory(state, 'storer'), { recursive: true, mode: 0o700 })
  copyFileSync(seedFile(site.layout.state, 'storer'), seedFile(state, 'storer'))
  const main = join(import.meta.dirname, '../../services/storer/main.ts')
  return keepRunning(
    {
      name: `storer ${number}`,
      command: process.execPath,
      args: [main, ...['--config', site.config, '--state', state, '--nats', supervisor.url, '--allow-root']],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...compileCache, ...site.env },
      logFile: join(site.layout.logs, `storer-${number}.log`),
      ready: 'message',
      deathSignal: 'TERM',
      hopeless: { 2: 'The storer refused its configuration.' },
      stopGraceMs: 9_000,
    },
    () => {},
  )
}

/** Work for all the time: a newer run takes over what still waits of the older one. */
async function askForRuns(pipe: Pipeline, method: Entry['storerMethod'], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Directly, nothing is done where it is stored already.
    if (method === 'direct') emptyEnds(pipe.site)
    await pipe.untilRunStarts(60_000)
    await sleep(4_000, undefined, { signal }).catch(() => undefined)
  }
}

/** Kills or stops, most of the time, the storer that has a command running. Returns how often; everybody is awake after it. */
async function wreakHavoc(
  replicas: readonly Replica[],
  random: () => number,
  until: number,
): Promise<number> {
  const asleep = new Set<Promise<void>>()
  let hits = 0
  while (performance.now() < until) {
    await sleep(200 + random() * longestPauseMs)
    const victim = findActive(replicas) ?? replicas[Math.floor(random() * replicas.length)]
    const sleepMs = random() * longestSleepMs
    if (!victim?.pid()) continue
    hits += 1
    if (random() < 0.5) victim.kill('SIGKILL')
    else {
      // At least one of them must be awake, or nothing happens at all.
      if (asleep.size === replicas.length - 1) continue
      const nap: Promise<void> = napOf(victim, sleepMs).finally(() => asleep.delete(nap))
      asleep.add(nap)
    }
  }
  await Promise.all(asleep)
  return hits
}

async function napOf(victim: Replica, ms: number): Promise<void> {
  const pid = victim.pid()
  victim.kill('SIGSTOP')
  await sleep(ms)
  // It may have been killed in its sleep, and another one have its name by now.
  if (victim.pid() === pid) victim.kill('SIGCONT')
}

/** The replica that has the child which is, or runs, what stores. */
function findActive(replicas: readonly Replica[]): Replica | undefined {
  const parents = new Set<number>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const cmdline = read(`/proc/${pid}/cmdline`)
    if (!/condor_vault_storer|store-direct\.sh/.test(cmdline)) continue
    const [, parent] = /^\d+ \(.*\) \S (\d+)/.exec(read(`/proc/${pid}/stat`)) ?? []
    parents.add(Number(parent))
  }
  return replicas.find((replica) => parents.has(replica.pid() ?? -1))
}

/** After the chaos: the next run puts everything everywhere. */
async function storeEverything(pipe: Pipeline): Promise<void> {
  const { run } = await pipe.untilRunStarts(60_000)
  const { totals } = await pipe.finish(run, 300_000)
  assert.deepEqual(totals, { done: 8, failed: 0, superseded: 0, unfinished: 0 })
}

/** No run of any other replica is left over. */
function assertNoRunsLeft(directory: string): void {
  for (const number of [2, 3])
    assert.deepEqual(readdirSync(join(directory, `replica-${number}`, 'storer', 'runs')), [])
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
