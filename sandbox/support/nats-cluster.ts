/** Three real nats-servers as one cluster, with the users and permissions of production, whose routes can be cut. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureNatsKeys, ensureSealingKeys } from '../../cli/up/credentials.ts'
import { renderNatsConf } from '../../shared/bus/nats-conf.ts'
import { chooseLoopback, findFreePort } from '../free-port.ts'

export interface NatsCluster extends AsyncDisposable {
  /** One URL for each server, in their order. */
  readonly urls: readonly string[]
  /** Starts a server that does not run. Returns when it accepts connections; JetStream may have no leader yet. */
  start(index: number): Promise<void>
  /** Returns when it has ended. */
  stop(index: number, signal?: NodeJS.Signals): Promise<void>
  signal(index: number, signal: NodeJS.Signals): void
  /** Cuts every route to and from this server, which clients still reach, until `heal`. */
  isolate(index: number): void
  heal(): void
}

/** Makes keys and configurations in `stateRoot`; no server runs yet. `program`: which nats-server. */
export async function makeNatsCluster(stateRoot: string, program = 'nats-server'): Promise<NatsCluster> {
  await ensureSealingKeys(stateRoot)
  const publicKeys = await ensureNatsKeys(stateRoot)
  const names = ['one', 'two', 'three']
  // Addresses of its own: nobody else takes a port between finding and using it.
  const address = chooseLoopback()
  const [host, ways] = [address(0), address(1)]
  const ports = await Promise.all(names.map(async () => [await findFreePort(host), await findFreePort(host)]))
  const routes = await openRoutes(
    ports.map(([, route]) => ({ host, port: route as number })),
    ways,
  )
  const urls = ports.map(([client]) => `nats://${host}:${client}`)
  const running = new Map<number, ChildProcess>()
  const stop = async (index: number, signal: NodeJS.Signals = 'SIGKILL') => {
    const child = running.get(index)
    running.delete(index)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  for (const [index, name] of names.entries()) {
    const directory = join(stateRoot, `server-${name}`)
    await mkdir(directory, { recursive: true })
    const [client, route] = ports[index] as [number, number]
    const conf = renderNatsConf({
      ...{ host, port: client, serverName: name, publicKeys },
      storeDirectory: join(directory, 'store'),
    })
    await writeFile(
      join(directory, 'server.conf'),
      `${conf}${cluster(`${host}:${route}`, routes.from(index))}`,
    )
  }
  return {
    urls,
    async start(index) {
      const directory = join(stateRoot, `server-${names[index]}`)
      const words = ['-c', join(directory, 'server.conf'), '-l', join(directory, 'log')]
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...words], { stdio: 'ignore' })
      running.set(index, child)
      const { hostname, port } = new URL(urls[index] as string)
      while (child.exitCode === null && !(await accepts(hostname, Number(port)))) await sleep(20)
      if (child.exitCode !== null) throw new Error(`nats-server ended: see ${directory}/log`)
    },
    stop,
    signal: (index, signal) => void running.get(index)?.kill(signal),
    isolate: (index) => routes.cut(index),
    heal: () => routes.heal(),
    async [Symbol.asyncDispose]() {
      for (const child of running.values()) child.kill('SIGCONT')
      await Promise.all([...running.keys()].map((index) => stop(index)))
      routes.close()
    },
  }
}

/** No server tells another of addresses: what it does not know, it cannot reach around a cut route. */
const cluster = (listen: string, routes: readonly string[]) => `
cluster {
  name: managed-tokens
  listen: "${listen}"
  no_advertise: true
  routes: [${routes.map((url) => `"${url}"`).join(', ')}]
}
`

/** A way from each server to each other that can be cut. A server needs routes of its own for JetStream, and drops a second one. */
async function openRoutes(
  targets: readonly { readonly host: string; readonly port: number }[],
  host: string,
) {
  const ways: { readonly from: number; readonly to: number; readonly way: Server; readonly port: number }[] =
    []
  const open = new Set<{ readonly from: number; readonly to: number; readonly sockets: readonly Socket[] }>()
  let isolated: number | undefined
  for (const [from] of targets.entries())
    for (const [to, target] of targets.entries()) {
      if (from === to) continue
      const way = createServer((inside) => {
        if (isolated === from || isolated === to) return void inside.destroy()
        const outside = connect(target.port, target.host)
        const pair = { from, to, sockets: [inside, outside] }
        open.add(pair)
        for (const socket of pair.sockets) {
          socket.on('error', () => {})
          socket.on('close', () => {
            open.delete(pair)
            for (const one of pair.sockets) one.destroy()
          })
        }
        inside.pipe(outside).pipe(inside)
      }).listen(0, host)
      await once(way, 'listening')
      ways.push({ from, to, way, port: (way.address() as { port: number }).port })
    }
  return {
    from: (index: number) =>
      ways.filter(({ from }) => from === index).map(({ port }) => `nats://${host}:${port}`),
    cut(index: number) {
      isolated = index
      for (const { from, to, sockets } of open)
        if (from === index || to === index) for (const socket of sockets) socket.destroy()
    },
    heal() {
      isolated = undefined
    },
    close() {
      for (const { way } of ways) way.close()
      for (const { sockets } of open) for (const socket of sockets) socket.destroy()
    },
  }
}

async function accepts(hostname: string, port: number): Promise<boolean> {
  const socket = connect(port, hostname)
  try {
    await once(socket, 'data', { signal: AbortSignal.timeout(1_000) })
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
