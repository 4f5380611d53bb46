/** The shipped configuration of nats-server lets in exactly who `managed-tokens keys` made keys for, over TLS, with the permissions of the code. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { layoutOf } from '../../sandbox/layout.ts'
import { makeTls } from '../../sandbox/tls.ts'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import { renderPermissionsFile } from '../../shared/bus/nats-conf.ts'
import { type NatsUser, natsUsers } from '../../shared/bus/permissions.ts'
import { sealingPublicKeyFile, seedFile } from '../../shared/daemon/state.ts'
import { type } from '../support/terminal.ts'
import { read, root } from './compose-file.ts'

it('deploy/nats/permissions.conf is what shared/bus/permissions.ts says', () => {
  const isCurrent = read('deploy/nats/permissions.conf') === renderPermissionsFile()
  assert.ok(isCurrent, 'it is not: write it again with "node deploy/nats/write-permissions.ts"')
})

describe('a nats-server with deploy/nats/nats-server.conf', () => {
  const stack = new AsyncDisposableStack()
  let directory: string
  let url: string
  const inDirectory = (...names: string[]) => join(directory, ...names)

  const open = (user: NatsUser, seedOf: NatsUser = user): Promise<Bus> =>
    connectBus({
      servers: [url],
      user,
      seedFile: seedFile(inDirectory('credentials'), seedOf),
      caFile: inDirectory('vault', 'ca.pem'),
      once: true,
    })

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mt-nats-conf-'))
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    const layout = layoutOf(directory)
    mkdirSync(layout.vault)
    const { key, cert } = await makeTls(layout)
    writeFileSync(inDirectory('server.key'), key)
    writeFileSync(inDirectory('server.pem'), cert)
    const { stdout: keys } = await type(['keys', '--state', inDirectory('credentials')])
    cpSync(join(root, 'deploy/nats/permissions.conf'), inDirectory('permissions.conf'))
    writeFileSync(
      inDirectory('nats-server.conf'),
      // It takes the ports that are free when it starts, and says which in a file.
      `ports_file_dir: "${directory}"\n${read('deploy/nats/nats-server.conf')}`
        .replace('0.0.0.0:4222', '127.0.0.1:-1')
        .replace('127.0.0.1:8222', '127.0.0.1:-1')
        .replaceAll('/etc/nats/tls', directory)
        .replace('/var/lib/nats', directory)
        // Debian's 2.9 does not know it; test/interop has a current server read the file as it is.
        .replace(/^ *sync_interval.*\n/m, ''),
    )
    const server = spawn('nats-server', ['-c', inDirectory('nats-server.conf')], {
      env: { PATH: process.env.PATH, ...Object.fromEntries(keys.split('\n').map((line) => line.split('='))) },
      stdio: 'ignore',
    })
    stack.defer(async () => {
      if (server.exitCode === null && server.kill()) await once(server, 'exit')
    })
    const isRunning = () => assert.equal(server.exitCode, null, 'nats-server runs')
    const port = await portIn(inDirectory(`nats-server_${server.pid}.ports`), isRunning)
    url = `tls://localhost:${port}`
  })
  after(() => stack.disposeAsync())

  it('lets in every user with a seed of "managed-tokens keys", and JetStream is on', async () => {
    for (const user of natsUsers) {
      await using bus = await open(user)
      assert.equal(bus.nc.info?.jetstream, true)
    }
    assert.match(readFileSync(sealingPublicKeyFile(inDirectory('credentials')), 'utf8'), /^X/)
  })

  it('makes no key anew that is there, and prints them for programs', async () => {
    const [plain, json] = await Promise.all([
      type(['keys', '--state', inDirectory('credentials')]),
      type(['keys', '--state', inDirectory('credentials'), '--json']),
    ])
    const lines = Object.entries(JSON.parse(json.stdout)).map(([name, key]) => `${name}=${key}\n`)
    assert.equal(plain.stdout, lines.join(''))
    assert.equal(lines.length, natsUsers.length)
  })

  it('holds each to its permissions', async () => {
    await using storer = await open('storer')
    const refused = Promise.withResolvers<Error>()
    void (async () => {
      for await (const status of storer.nc.status())
        if (status.type === 'error') refused.resolve(status.error)
    })()
    storer.nc.publish('token.ready.dune.production', '{}')
    assert.match((await refused.promise).message, /permissions violation/i)
  })

  it('keeps out whoever has another key, and whoever does not use TLS', async () => {
    const { stdout } = await type(['keys', '--state', inDirectory('strangers')])
    assert.match(stdout, /^NATS_REFRESHER_KEY=U/)
    const stranger = { servers: [url], user: 'refresher', once: true, caFile: inDirectory('vault', 'ca.pem') }
    await assert.rejects(
      connectBus({ ...stranger, seedFile: seedFile(inDirectory('strangers'), 'refresher') }),
      /authorization/i,
    )
    await assert.rejects(
      connectBus({
        ...stranger,
        caFile: undefined,
        seedFile: seedFile(inDirectory('credentials'), 'refresher'),
      }),
      /certificate/i,
    )
  })
})

/** The port for clients, once the server listens there and the file says so. */
async function portIn(file: string, check: () => void): Promise<string> {
  for (;;) {
    check()
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    const port = /"nats":\["[^"]*:(\d+)"/.exec(text)?.[1]
    if (port) return port
    await sleep(20)
  }
}
