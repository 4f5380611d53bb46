/** Two laboratories on one nats-server, each with the files that are made for it: both work, and neither sees the other. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import type { NatsUser } from '../../shared/bus/permissions.ts'
import { ensureOwned } from '../../shared/bus/streams/topology.ts'
import { streams } from '../../shared/contracts/subjects.ts'
import { seedFile } from '../../shared/daemon/state.ts'
import { type } from '../support/terminal.ts'
import { root } from './compose-file.ts'

const labs = ['fnal', 'r-al'] as const
type Lab = (typeof labs)[number]

const writePermissions = (...words: string[]) =>
  execFileSync(process.execPath, [join(root, 'deploy/nats/write-permissions.ts'), ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })

describe('two laboratories on one nats-server', () => {
  const stack = new AsyncDisposableStack()
  let directory: string
  let url: string

  const open = async (lab: Lab, user: NatsUser): Promise<Bus> => {
    const seed = seedFile(join(directory, lab), user)
    return stack.use(await connectBus({ servers: [url], user, seedFile: seed, once: true }))
  }

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mt-labs-'))
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    const env: NodeJS.ProcessEnv = { ...process.env }
    for (const lab of labs) {
      writeFileSync(join(directory, `permissions-${lab}.conf`), writePermissions('--lab', lab))
      const { stdout } = await type(['keys', '--lab', lab, '--state', join(directory, lab), '--json'])
      Object.assign(env, JSON.parse(stdout))
    }
    const conf = join(directory, 'nats-server.conf')
    const includes = labs.map((lab) => `  include ./permissions-${lab}.conf`).join('\n')
    writeFileSync(
      conf,
      `listen: "127.0.0.1:-1"
ports_file_dir: "${directory}"
jetstream { store_dir: "${directory}", max_file_store: 8GB }
accounts {
${includes}
}
`,
    )
    const server = spawn('nats-server', ['-c', conf], { stdio: 'ignore', env })
    stack.defer(async () => {
      server.kill('SIGKILL')
      await once(server, 'exit')
    })
    const ports = () => readdirSync(directory).find((name) => name.endsWith('.ports'))
    while (!ports() && server.exitCode === null) await sleep(20)
    assert.ok(existsSync(join(directory, ports() ?? 'no ports')), 'the server ended')
    url = (JSON.parse(readFileSync(join(directory, ports() ?? ''), 'utf8')) as { nats: [string] }).nats[0]
  })
  after(() => stack.disposeAsync())

  it('keep streams of the same names apart, and hear only their own facts', async () => {
    const heard: string[] = []
    for (const lab of labs) {
      const refresher = await open(lab, 'refresher')
      await ensureOwned(refresher, 'refresher')
      const operator = await open(lab, 'operator')
      operator.nc.subscribe('token.>', {
        callback: (_error, { subject }) => void heard.push(`${lab} ${subject}`),
      })
      await operator.nc.flush()
    }
    const speaker = await open('fnal', 'refresher')
    await speaker.js.publish('token.ready.dune.production', '{}')
    const counts = await Promise.all(
      labs.map(async (lab) => {
        const { jsm, nc } = await open(lab, 'operator')
        await nc.flush()
        return (await jsm.streams.info(streams.tokens)).state.messages
      }),
    )
    assert.deepEqual(counts, [1, 0])
    assert.deepEqual(heard, ['fnal token.ready.dune.production'])
  })
})

it('a name that is no word of a configuration is refused', () => {
  assert.throws(() => writePermissions('--lab', 'a b'))
  assert.throws(() => writePermissions('--domain', '$JS'))
})
