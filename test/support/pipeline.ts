/** The whole pipe in a temporary directory: a sandbox site, the supervisor with its daemons and server, and an operator who looks on. */
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, connectOperator } from '../../cli/bus/connection.ts'
import { readWholeStatus } from '../../cli/runs/whole-status.ts'
import type { ChildEvent } from '../../cli/up/child.ts'
import { type Supervisor, startSupervisor } from '../../cli/up/supervise.ts'
import { type SandboxSite, type SiteOptions, startSite } from '../../sandbox/site.ts'
import { untilDelivered } from '../../sandbox/until-delivered.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RunAnswer } from '../../services/refresher/start-run/run-request.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { type Daemon, daemons, requests, streams } from '../../shared/contracts/subjects.ts'
import { compileCache } from './compile-cache.ts'
import { patience } from './patience.ts'
import { createRecorder, type Recorder } from './recorder.ts'

/** A fact as it was heard on the bus. */
export interface Heard {
  readonly subject: string
  readonly body: Readonly<Record<string, unknown>> & { readonly run: string; readonly entry?: string }
}

export interface Pipeline extends AsyncDisposable {
  readonly site: SandboxSite
  readonly supervisor: Supervisor
  readonly bus: Bus
  /** What the supervisor saw of its children. */
  readonly life: Recorder<ChildEvent>
  /** Facts heard since the start; what is said while the server is away is not. */
  readonly facts: Recorder<Heard>
  /** Asks for a run; the answer comes at once. */
  startRun(body?: object): Promise<RunAnswer>
  /** Asks again until a run starts: a bus that was just emptied is made again bit by bit. */
  untilRunStarts(withinMs: number): Promise<RunAnswer>
  status(run: string): Promise<RunStatus>
  /** Looks at the ledger until it is as wanted; fails after `withinMs`. */
  untilStatus(
    run: string,
    what: string,
    isIt: (status: RunStatus) => boolean,
    withinMs?: number,
  ): Promise<RunStatus>
  /** The ledger of a run that has finished, its messages to people delivered. */
  finish(run: string, withinMs?: number): Promise<RunStatus>
  /** Every fact of the run as the stream keeps it. */
  storedFacts(run: string): Promise<Heard[]>
  /** Signals a daemon or the server and returns when it has died and the next one is ready. */
  killAndAwait(name: Daemon | 'nats-server', signal: NodeJS.Signals): Promise<void>
}

/** A directory for one test, which removes itself. */
export async function makeDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'mt-pipeline-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface PipelineOptions extends SiteOptions {
  /** Traces as well; four daemons that load no SDK start sooner. */
  readonly traces?: boolean
  /** `startIamSite` for the other shape, where people have logged in already. */
  readonly start?: typeof startSite
  /** Of the daemons, over what they have. */
  readonly env?: NodeJS.ProcessEnv
  /** On a machine that has much else to do. */
  readonly readyWithinMs?: number
  /** A daemon's program. Default: the working tree's. */
  readonly mainOf?: (daemon: Daemon) => string
}

/**
 * Starts everything, with timeouts that only what hangs runs into unless the settings have others, and returns when all is
 * ready; disposing stops everything and leaves the directory for inspection.
 */
export async function startPipeline({
  traces = false,
  start = startSite,
  env = {},
  readyWithinMs = 90_000,
  mainOf,
  ...options
}: PipelineOptions): Promise<Pipeline> {
  await using stack = new AsyncDisposableStack()
  const settings = { ...patience, ...(traces ? {} : { tracing: undefined }), ...options.settings }
  const site = stack.use(await start({ ...options, settings }))
  const life = createRecorder<ChildEvent>()
  const supervisor = stack.use(
    await startSupervisor({
      configFile: site.config,
      stateRoot: site.layout.state,
      natsPort: 0,
      logDir: site.layout.logs,
      allowRoot: true,
      mainOf,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...compileCache, ...site.env, ...env },
      onEvent: (event) => life.add(event),
    }),
  )
  await within(readyWithinMs, 'the daemons are ready', supervisor.ready()).catch((error: Error) => {
    throw new Error(`${error.message}\n${lastWords(site.layout.logs)}`)
  })
  const bus = stack.use(
    await connectInTime({ state: site.layout.state, nats: supervisor.url }, readyWithinMs),
  )
  const facts = createRecorder<Heard>()
  for (const subject of ['token.>', 'run.*'])
    bus.nc.subscribe(subject, {
      callback(_error, message) {
        const body = readBody(message.string())
        if (body) facts.add({ subject: message.subject, body })
      },
    })
  await bus.nc.flush()

  const status = (run: string) => readWholeStatus(bus, run)
  const untilStatus: Pipeline['untilStatus'] = async (run, what, isIt, withinMs = 60_000) => {
    const deadline = Date.now() + withinMs
    for (;;) {
      // A run that was just asked for is not in the ledger yet, and a killed server does not answer.
      const found = await status(run).catch(() => undefined)
      if (found && isIt(found)) return found
      if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}; ${describe(found)}`)
      await sleep(100)
    }
  }
  const running = stack.move()
  return {
    site,
    supervisor,
    bus,
    life,
    facts,
    status,
    untilStatus,
    startRun: (body = {}) => ask<RunAnswer>(bus, requests.run, body, 30_000),
    async untilRunStarts(withinMs) {
      for (const deadline = Date.now() + withinMs; ; await sleep(200)) {
        const answer = await ask<RunAnswer>(bus, requests.run, {}).catch((error: Error) => error)
        if (!(answer instanceof Error)) return answer
        if (Date.now() > deadline) throw answer
      }
    },
    async finish(run, withinMs = 90_000) {
      const found = await untilStatus(run, 'the run is finished', (one) => one.finished !== null, withinMs)
      // Facts are counted and messages to people are sent after a run has finished.
      const where = { state: site.layout.state, url: supervisor.url }
      if (!(await untilDelivered(where, 60_000)))
        throw new Error('the outbox was not emptied within a minute')
      return found.waiting === 0 ? untilStatus(run, 'the notifier answers', () => true) : found
    },
    storedFacts: (run) => readFacts(bus, run),
    async killAndAwait(name, signal) {
      const since = life.all.length
      const ours = (type: ChildEvent['type']) => (event: ChildEvent) =>
        event.type === type && event.name === name && life.all.indexOf(event) >= since
      if (!supervisor.kill(name, signal)) throw new Error(`${name} does not run`)
      await life.until(`${name} dies of ${signal}`, ours('died'))
      await life.until(`${name} is ready again`, ours('ready'))
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** An operator gives up after five seconds; who looks on here has more time. */
async function connectInTime(where: { state: string; nats: string }, withinMs: number): Promise<Bus> {
  for (const deadline = Date.now() + withinMs; ; await sleep(200)) {
    const bus = await connectOperator(where).catch((error: Error) => error)
    if (!(bus instanceof Error)) return bus
    if (Date.now() > deadline) throw bus
  }
}

/** What each daemon wrote last. */
function lastWords(logs: string): string {
  const files = daemons.map((daemon) => join(logs, `${daemon}.log`)).filter((file) => existsSync(file))
  return files.map((file) => `${file}:\n${readFileSync(file, 'utf8').slice(-500)}`).join('\n')
}

/** Somebody may have published what is no fact. */
function readBody(text: string): Heard['body'] | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? (body as Heard['body']) : undefined
  } catch {
    return undefined
  }
}

async function readFacts({ jsm }: Bus, run: string): Promise<Heard[]> {
  const { state } = await jsm.streams.info(streams.tokens)
  const found: Heard[] = []
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await jsm.streams.getMessage(streams.tokens, { seq })
    const body = message && readBody(message.string())
    if (message && body?.run === run) found.push({ subject: message.subject, body })
  }
  return found
}

/** Fails when the promise takes longer. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  try {
    return await Promise.race([promise, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}

function describe(status: RunStatus | undefined): string {
  if (!status) return 'the ledger does not know the run'
  const rows = status.entries.map(
    ({ entry, refresh, targets }) =>
      `${entry}: ${refresh.state}, ${targets.map(({ name, state }) => `${name} ${state}`).join(', ')}`,
  )
  return `the ledger says ${rows.join('; ')}`
}
