import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { ChildEvent } from '../../../cli/up/child.ts'
import { type Supervisor, type SupervisorOptions, startSupervisor } from '../../../cli/up/supervise.ts'
import { daemons } from '../../../shared/contracts/subjects.ts'
import { isGone } from '../../support/processes.ts'

describe('the supervisor', () => {
  let stateRoot: string
  beforeEach(async () => {
    stateRoot = await mkdtemp(join(tmpdir(), 'mt-up-'))
  })
  afterEach(async () => {
    const pids = await stubPids()
    await Promise.all(pids.map((pid) => isGone(pid)))
    await rm(stateRoot, { recursive: true, force: true })
  })

  async function start(change: Partial<SupervisorOptions> = {}): Promise<Supervisor> {
    return startSupervisor({
      ...{
        configFile: '/dev/null',
        stateRoot,
        natsPort: 0,
        logDir: join(stateRoot, 'logs'),
      },
      mainOf: () => join(import.meta.dirname, '../../support/stub-daemon.ts'),
      ...change,
    })
  }

  /** Every process of a stub daemon that ever ran, and its child. */
  async function stubPids(): Promise<number[]> {
    const text = await readFile(join(stateRoot, 'stub-pids'), 'utf8').catch(() => '')
    return text.split('\n').filter(Boolean).map(Number)
  }

  it('starts nats-server and four daemons, and stops them all', async () => {
    const supervisor = await start()
    await supervisor.ready()
    const pids = supervisor.pids()
    assert.deepEqual(Object.keys(pids), ['nats-server', ...daemons])
    await supervisor.stop()
    for (const pid of Object.values(pids)) await isGone(pid ?? 0)
    assert.equal((await stubPids()).length, 8)
  })

  it('tells each daemon where configuration, state and NATS are', async () => {
    await using supervisor = await start({ allowRoot: true, loki: false })
    await supervisor.ready()
    const lines = (await readFile(join(stateRoot, 'stub-args'), 'utf8')).trim().split('\n')
    assert.equal(lines.length, 4)
    for (const line of lines)
      assert.ok(
        line.endsWith(
          `--config /dev/null --state ${stateRoot} --nats ${supervisor.url} --allow-root --no-loki`,
        ),
        line,
      )
  })

  for (const name of ['nats-server', ...daemons] as const)
    it(`starts ${name} again when it was killed, and nothing else`, async () => {
      const died = Promise.withResolvers<ChildEvent>()
      await using supervisor = await start({
        onEvent: (event) => event.type === 'died' && died.resolve(event),
      })
      await supervisor.ready()
      const before = supervisor.pids()
      assert.equal(supervisor.kill(name, 'SIGKILL'), true)
      const event = await died.promise
      assert.equal(event.name, name)
      await supervisor.ready()
      const now = supervisor.pids()
      for (const other of Object.keys(before))
        if (other === name) assert.notEqual(now[other], before[other])
        else assert.equal(now[other], before[other])
    })

  it('refuses a second one on the same state directory, names the holder and changes nothing', async () => {
    await using supervisor = await start()
    await supervisor.ready()
    const conf = await readFile(join(stateRoot, 'nats/server.conf'), 'utf8')
    const server = supervisor.pids()['nats-server']
    await assert.rejects(start(), (error: Error) => {
      assert.match(error.message, /already in use/)
      assert.match(
        error.message,
        new RegExp(`process ${server} \\(nats-server\\), started by process ${process.pid}`),
      )
      return true
    })
    assert.equal(await readFile(join(stateRoot, 'nats/server.conf'), 'utf8'), conf)
  })

  it('says that a daemon refused its configuration, and does not start it again', async () => {
    await writeFile(join(stateRoot, 'refuse'), '')
    const events: ChildEvent[] = []
    await using supervisor = await start({ onEvent: (event) => events.push(event) })
    await assert.rejects(supervisor.ready(), /refused its options or its configuration/)
    const storerStarts = events.filter((event) => event.type === 'started' && event.name === 'storer')
    assert.equal(storerStarts.length, 1)
  })

  it('starts no server where one is configured', async () => {
    await using supervisor = await start({ natsServers: ['nats://nats.example.org:4222'] })
    await supervisor.ready()
    assert.deepEqual(Object.keys(supervisor.pids()), [...daemons])
    assert.doesNotMatch(await readFile(join(stateRoot, 'stub-args'), 'utf8'), /--nats/)
  })

  it('takes another port where the one that was free is taken by then', async (t) => {
    const somebody = createServer().listen(0, '127.0.0.1')
    t.after(() => somebody.close())
    await once(somebody, 'listening')
    const taken = somebody.address() as AddressInfo
    t.mock.method(Server.prototype, 'address').mock.mockImplementationOnce(() => taken)
    await using supervisor = await start()
    await supervisor.ready()
    assert.notEqual(new URL(supervisor.url).port, String(taken.port))
  })

  it('says which port is taken when it was told which to use, and starts nothing', async (t) => {
    const somebody = createServer().listen(0, '127.0.0.1')
    t.after(() => somebody.close())
    await once(somebody, 'listening')
    const { port } = somebody.address() as AddressInfo
    const events: ChildEvent[] = []
    const message = `Port ${port} of 127.0.0.1 is taken by another program: stop that one, or give another port with --nats-port (0: any free one).`
    await assert.rejects(start({ natsPort: port, onEvent: (event) => events.push(event) }), { message })
    assert.deepEqual(events, [])
    // Nor is it another sentence where somebody takes the port only once it was looked at.
    t.mock.method(Server.prototype, 'listen').mock.mockImplementationOnce(function (this: Server) {
      return this.listen(0, '127.0.0.1')
    })
    await assert.rejects(start({ natsPort: port }), { message })
  })
})
