/** A real nats-server with the users and permissions of production, on a free port, with a store of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureSealingKeys } from '../../cli/up/credentials.ts'
import { startNatsServer } from '../../cli/up/nats-server.ts'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import { seedFile } from '../../shared/daemon/state.ts'

export interface TestNats extends AsyncDisposable {
  readonly url: string
  /** Holds every user's keys and the server's store; removed at the end. */
  readonly stateRoot: string
  seedFile(user: NatsUser): string
  /** A connection with that user's permissions; the caller closes it. */
  connect(user: NatsUser): Promise<Bus>
  pid(): number
  /** SIGKILL; the server is started again by itself on the same port and store. Ends when it accepts. */
  crash(): Promise<void>
}

/** Starts it. Disposing stops it and removes its directory. */
export async function startTestNats(): Promise<TestNats> {
  const stateRoot = await mkdtemp(join(tmpdir(), 'mt-nats-'))
  try {
    await ensureSealingKeys(stateRoot)
    let died = Promise.withResolvers<void>()
    const server = await startNatsServer({
      stateRoot,
      port: 0,
      onEvent(event) {
        if (event.type === 'died') died.resolve()
      },
    })
    return {
      url: server.url,
      stateRoot,
      seedFile: (user) => seedFile(stateRoot, user),
      connect: (user) => connectBus({ servers: [server.url], user, seedFile: seedFile(stateRoot, user) }),
      pid: () => server.pid() ?? 0,
      async crash() {
        died = Promise.withResolvers<void>()
        server.kill('SIGKILL')
        await died.promise
        await server.ready()
      },
      async [Symbol.asyncDispose]() {
        await server.stop()
        await rm(stateRoot, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(stateRoot, { recursive: true, force: true })
    throw error
  }
}
