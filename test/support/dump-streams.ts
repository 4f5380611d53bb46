/** Everything the store of a JetStream server that has stopped holds, as clients get it: a server without users, started on a copy for the moment. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { daemonsAccount } from '../../shared/bus/nats-conf.ts'
import { natsFiles } from '../../shared/daemon/state.ts'
import { eventually } from './latch.ts'

export interface StoredMessage {
  readonly stream: string
  readonly subject: string
  /** Headers and body. */
  readonly text: string
}

/** Every message of every stream and bucket below the state directory. */
export async function dumpStreams(stateRoot: string): Promise<StoredMessage[]> {
  const store = await mkdtemp(join(tmpdir(), 'mt-store-'))
  await cp(natsFiles(stateRoot).store, store, { recursive: true })
  // Who has no user is in the unnamed account.
  await rename(join(store, 'jetstream', daemonsAccount), join(store, 'jetstream', '$G'))
  // The server chooses its port by itself and says so in a file, once it listens.
  const words = ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', store, '-js', '-sd', store]
  const server = spawn('setpriv', ['--pdeathsig', 'KILL', 'nats-server', ...words], { stdio: 'ignore' })
  const gone = once(server, 'exit')
  try {
    const nc = await connect({ servers: await readAddress(join(store, `nats-server_${server.pid}.ports`)) })
    const messages = await readAll(await jetstreamManager(nc))
    await nc.close()
    return messages
  } finally {
    server.kill('SIGKILL')
    await gone
    await rm(store, { recursive: true, force: true })
  }
}

async function readAddress(file: string): Promise<string[]> {
  let text = ''
  await eventually(async () => {
    text = await readFile(file, 'utf8').catch(() => '')
    return text.trim().endsWith('}')
  }, 'the server on the copy listens')
  return (JSON.parse(text) as { nats: string[] }).nats
}

async function readAll(jsm: Awaited<ReturnType<typeof jetstreamManager>>): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = []
  for await (const { config, state } of jsm.streams.list())
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
      const message = await jsm.streams.getMessage(config.name, { seq })
      if (!message) continue
      const headers = [...message.header].map(([name, values]) => `${name}: ${values.join(', ')}`)
      messages.push({
        stream: config.name,
        subject: message.subject,
        text: [...headers, message.string()].join('\n'),
      })
    }
  return messages
}
