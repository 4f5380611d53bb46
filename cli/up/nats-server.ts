/** The private nats-server: loopback, JetStream in the state directory, a user for each of us, one server to a store. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { daemonsAccount, renderNatsConf } from '../../shared/bus/nats-conf.ts'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import { inheritedEnvironment, shellVariables } from '../../shared/config/environment.ts'
import { ensurePrivateDirectory, natsFiles, operatorEnvFile, seedFile } from '../../shared/daemon/state.ts'
import { type ChildEvent, type KeptChild, keepRunning } from './child.ts'
import { ensureNatsKeys } from './credentials.ts'
import { describeLockHolder } from './lock-holder.ts'
import { choosePort, isFree } from './port.ts'

export interface NatsServer extends KeptChild {
  /** `nats://127.0.0.1:<port>`, the same for all its lives. */
  readonly url: string
}

export interface NatsServerOptions {
  readonly stateRoot: string
  /** Default: 4222 when it is free, else any free one. 0: any free one. */
  readonly port?: number | undefined
  readonly logFile?: string | undefined
  readonly env?: NodeJS.ProcessEnv | undefined
  readonly onEvent?: ((event: ChildEvent) => void) | undefined
}

const host = '127.0.0.1'
const defaultPort = 4222
/** Our exit code of flock for "somebody holds it". */
const lockHeld = 75
const portTries = 5
/** Reading a large store back takes its time. */
const startDeadlineMs = 120_000

/** Starts the server and returns once it accepts connections. Throws a sentence for people when it cannot run. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const env = options.env ?? inheritedEnvironment()
  requirePrograms(env)
  const files = natsFiles(options.stateRoot)
  await mkdir(options.stateRoot, { recursive: true, mode: 0o755 })
  await ensurePrivateDirectory(files.directory)
  await refuseSecondServer(files.lock, env)
  if (options.port && !(await isFree(options.port))) throw portTaken(options.port)
  const publicKeys = await ensureNatsKeys(options.stateRoot)
  await takeOverStore(files.store)
  for (let tries = 1; ; tries++) {
    const wanted = options.port ?? (tries === 1 ? defaultPort : 0)
    const port = options.port || (await choosePort(wanted))
    await writeConf(options.stateRoot, port, publicKeys)
    const death = Promise.withResolvers<never>()
    death.promise.catch(() => {})
    const server = keep(options, port, env, (event) => {
      if (event.type === 'died') death.reject(new Error(`nats-server ${event.how}`))
    })
    try {
      await Promise.race([server.ready(), death.promise, tooLong(startDeadlineMs)])
      await writeAddress(options.stateRoot, server.url, env)
      return server
    } catch (error) {
      await server.stop()
      const reason = (error as Error).message
      if (reason.includes(files.lock)) throw await secondServer(files.lock)
      if (await portWasTaken(logOf(options))) {
        if (options.port) throw portTaken(options.port)
        if (tries < portTries) continue
      }
      throw new Error(`nats-server did not start (${reason}): see ${logOf(options)}`)
    }
  }
}

const logOf = (options: NatsServerOptions) => options.logFile ?? natsFiles(options.stateRoot).log

function keep(
  options: NatsServerOptions,
  port: number,
  env: NodeJS.ProcessEnv,
  onEvent: (event: ChildEvent) => void,
): NatsServer {
  const files = natsFiles(options.stateRoot)
  const child = keepRunning(
    {
      name: 'nats-server',
      command: 'flock',
      // --no-fork: the server itself holds the lock, so that it is free exactly when the store is.
      args: ['--no-fork', '-n', '-E', String(lockHeld), files.lock, 'nats-server', '-c', files.conf],
      env,
      logFile: logOf(options),
      ready: (signal) => untilAccepts(port, serverName(options.stateRoot), signal),
      deathSignal: 'KILL',
      hopeless: { [lockHeld]: `${files.lock} is held` },
      stopGraceMs: 5_000,
    },
    (event) => {
      onEvent(event)
      options.onEvent?.(event)
    },
  )
  return { ...child, url: `nats://${host}:${port}` }
}

function requirePrograms(env: NodeJS.ProcessEnv): void {
  for (const [program, debianPackage] of [
    ['setpriv', 'util-linux'],
    ['flock', 'util-linux'],
    ['nats-server', 'nats-server'],
  ] as const) {
    if (spawnSync(program, ['--version'], { env, stdio: 'ignore' }).error)
      throw new Error(
        `The program ${program} is missing. Install it (apt-get install ${debianPackage}), or set nats.servers to use a server that runs elsewhere.`,
      )
  }
}

/** Before anything is written: the conf of a running server must stay as it is. */
async function refuseSecondServer(lock: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { status } = spawnSync('flock', ['-n', '-E', String(lockHeld), lock, 'true'], {
    env,
    stdio: 'ignore',
  })
  if (status === lockHeld) throw await secondServer(lock)
}

async function secondServer(lock: string): Promise<Error> {
  const holder = await describeLockHolder(lock)
  return new Error(
    `This state directory is already in use: ${lock} is held by ${holder}. Stop that one first, or choose another directory with --state.`,
  )
}

/** Before the daemons had an account of their own, everything lay in the server's unnamed one. */
async function takeOverStore(store: string): Promise<void> {
  const accounts = join(store, 'jetstream')
  const [before, now] = [join(accounts, '$G'), join(accounts, daemonsAccount)]
  if (existsSync(before) && !existsSync(now)) await rename(before, now)
}

async function writeConf(
  stateRoot: string,
  port: number,
  publicKeys: Record<NatsUser, string>,
): Promise<void> {
  const files = natsFiles(stateRoot)
  const text = renderNatsConf({
    host,
    port,
    serverName: serverName(stateRoot),
    storeDirectory: files.store,
    publicKeys,
  })
  await replaceFile(files.conf, text)
}

/** Tells people and their shells where the server is, and the site: what they look at is then what the daemons use. */
async function writeAddress(stateRoot: string, url: string, env: NodeJS.ProcessEnv): Promise<void> {
  await replaceFile(natsFiles(stateRoot).url, `${url}\n`)
  const lines = [
    `NATS_URL=${url} NATS_NKEY=${quote(seedFile(stateRoot, 'operator'))}`,
    ...Object.entries(shellVariables(env))
      .filter(([name]) => /^\w+$/.test(name))
      .map(([name, value]) => `${name}=${quote(value)}`),
  ]
  await replaceFile(operatorEnvFile(stateRoot), lines.map((line) => `export ${line}\n`).join(''))
}

/** One word of a shell. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

async function tooLong(ms: number): Promise<never> {
  await sleep(ms, undefined, { ref: false })
  throw new Error(`it does not answer after ${ms / 1000} s`)
}

const portTaken = (port: number) =>
  new Error(
    `Port ${port} of ${host} is taken by another program: stop that one, or give another port with --nats-port (0: any free one).`,
  )

async function portWasTaken(logFile: string): Promise<boolean> {
  return (await readFile(logFile, 'utf8').catch(() => '')).slice(-2_000).includes('address already in use')
}

/** Tells our server from another one on the same port, and stays the same for a store. */
function serverName(stateRoot: string): string {
  return `managed-tokens-${createHash('sha256').update(stateRoot).digest('hex').slice(0, 12)}`
}

/** The server greets each connection with INFO once JetStream is up. */
async function untilAccepts(port: number, name: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await greets(port, name)) return
    await sleep(20, undefined, { signal })
  }
  throw signal.reason
}

async function greets(port: number, name: string): Promise<boolean> {
  const socket = connect(port, host)
  try {
    const [greeting] = await once(socket, 'data', { signal: AbortSignal.timeout(1_000) })
    return String(greeting).startsWith('INFO ') && String(greeting).includes(`"${name}"`)
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
