/** A refresher of its own, with a state directory of its own, whose words to the server pass through the test's hands. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, openSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { SandboxSite } from '../../sandbox/site.ts'
import { sealingPublicKeyFile, seedFile, signingSeedFile } from '../../shared/daemon/state.ts'
import { compileCache } from './compile-cache.ts'

export interface Replica extends AsyncDisposable {
  readonly name: string
  /** Ends when the daemon says so. */
  readonly ready: Promise<void>
  /** Ends when its `n`th publication on `refresh.` was kept from the server, with everything after it. */
  readonly held: Promise<void>
  /** Lets everything through from now on. */
  open(): void
  kill(): Promise<void>
}

/** Starts it on a site whose server runs at `url`; the first `n - 1` work items get through. */
export async function startReplica(
  site: SandboxSite,
  url: string,
  name: string,
  n: number,
): Promise<Replica> {
  const state = join(site.dir, name)
  mkdirSync(join(state, 'refresher'), { recursive: true, mode: 0o700 })
  copyFileSync(seedFile(site.layout.state, 'refresher'), seedFile(state, 'refresher'))
  copyFileSync(sealingPublicKeyFile(site.layout.state), sealingPublicKeyFile(state))
  copyFileSync(signingSeedFile(site.layout.state), signingSeedFile(state))
  const gate = await openGate(url, /^H?PUB refresh\./m, n)
  const log = openSync(join(site.layout.logs, `${name}.log`), 'a')
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, '../../services/refresher/main.ts'),
      ...['--config', site.config, '--state', state, '--nats', gate.url, '--allow-root'],
    ],
    {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...compileCache,
        ...site.env,
        MANAGED_TOKENS_STATE: state,
      },
      stdio: ['ignore', log, log, 'ipc'],
    },
  )
  const exited = once(child, 'exit')
  return {
    name,
    ready: untilReady(child),
    held: gate.held,
    open: gate.open,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async [Symbol.asyncDispose]() {
      gate.open()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exited
      gate.close()
    },
  }
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`the refresher ended with ${code} before it was ready`)))
  })
}

/** A way to the server that closes in front of the `n`th match in what the client says. */
async function openGate(url: string, words: RegExp, n: number) {
  const { hostname, port } = new URL(url)
  const held = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  let matches = 0
  let isOpen = false
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    upstream.pipe(client)
    let closed = false
    client.on('data', (chunk: Buffer) => {
      if (closed && !isOpen) return
      const text = chunk.toString('latin1')
      for (let from = 0; !isOpen; ) {
        const at = text.slice(from).search(words)
        if (at < 0) break
        matches += 1
        if (matches >= n) {
          upstream.write(chunk.subarray(0, from + at))
          closed = true
          held.resolve()
          return
        }
        from += at + 'HPUB'.length
      }
      upstream.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  return {
    url: `nats://127.0.0.1:${address.port}`,
    held: held.promise,
    open() {
      isOpen = true
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
