import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ChildEvent, type ChildPlan, type KeptChild, keepRunning } from '../../../cli/up/child.ts'
import { isGone } from '../../support/processes.ts'

describe('a kept child', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mt-child-'))
  })
  after(() => rm(directory, { recursive: true, force: true }))

  /** Keeps `sh -c script` running; events are collected and can be awaited. */
  function keepShell(script: string, change: Partial<ChildPlan> = {}) {
    const events: ChildEvent[] = []
    const waiting: { wanted: (event: ChildEvent) => boolean; resolve: (event: ChildEvent) => void }[] = []
    const child = keepRunning(
      {
        ...{
          name: 'shell',
          command: 'sh',
          args: ['-c', script],
          env: process.env,
          logFile: join(directory, 'log'),
        },
        ...{ ready: async () => {}, deathSignal: 'KILL', hopeless: { 2: 'It refused.' }, stopGraceMs: 5_000 },
        ...change,
      },
      (event) => {
        events.push(event)
        for (const { wanted, resolve } of waiting) if (wanted(event)) resolve(event)
      },
    )
    const when = (wanted: (event: ChildEvent) => boolean) =>
      new Promise<ChildEvent>((resolve) => {
        const seen = events.find(wanted)
        if (seen) resolve(seen)
        else waiting.push({ wanted, resolve })
      })
    return { child, events, when }
  }

  it('is started again at once, then with growing pauses', async () => {
    const { child, events, when } = keepShell('exit 1')
    await when((event) => event.type === 'died' && event.restartMs === 200)
    await child.stop()
    const pauses = events.flatMap((event) => (event.type === 'died' ? [event.restartMs] : []))
    assert.deepEqual(pauses.slice(0, 3), [0, 100, 200])
  })

  it('is not started again after an exit code that says it is hopeless', async () => {
    const { child, events, when } = keepShell('exit 2', { ready: () => new Promise(() => {}) })
    const gaveUp = await when((event) => event.type === 'gave-up')
    assert.deepEqual(gaveUp, { type: 'gave-up', name: 'shell', why: 'It refused.' })
    assert.equal(events.filter((event) => event.type === 'started').length, 1)
    await child.stop()
  })

  it('is started again after that exit code when it was ready once: what it met may be mended', async () => {
    const { child, events, when } = keepShell('sleep 0.05; exit 2')
    await when((event) => event.type === 'died' && event.restartMs === 100)
    await child.stop()
    assert.ok(events.every((event) => event.type !== 'gave-up'))
  })

  it('tells those who wait for it that it is hopeless', async () => {
    const { child } = keepShell('sleep 0.05; exit 2', { ready: () => new Promise(() => {}) })
    await assert.rejects(child.ready(), /It refused/)
    await child.stop()
  })

  it('is killed with its own children when it does not stop in time', async () => {
    const pids = join(directory, 'pids')
    const { child } = keepShell(`trap '' TERM; sleep 300 & echo $! > '${pids}'; echo $$ >> '${pids}'; wait`, {
      ready: () => untilWritten(pids, 2),
      stopGraceMs: 100,
    })
    await child.ready()
    const [grandchild = 0, shell = 0] = await readNumbers(pids)
    assert.equal(await isRunning(child, shell), true)
    await child.stop()
    await isGone(shell)
    await isGone(grandchild)
    assert.equal(child.pid(), undefined)
  })

  it('leaves nothing in its group when it dies by itself', async () => {
    const pids = join(directory, 'orphans')
    const { child, when } = keepShell(`sleep 300 & echo $! >> '${pids}'; exit 1`)
    await when((event) => event.type === 'died')
    const [orphan = 0] = await readNumbers(pids)
    await isGone(orphan)
    await child.stop()
  })

  it('that cannot be started at all says what is missing', async () => {
    const { child, when } = keepShell('true', { env: { PATH: '/nonexistent' } })
    const event = await when(({ type }) => type === 'gave-up')
    assert.match(event.type === 'gave-up' ? event.why : '', /install util-linux/)
    await child.stop()
  })
})

const readNumbers = async (file: string) => (await readFile(file, 'utf8')).trim().split('\n').map(Number)

async function untilWritten(file: string, lines: number): Promise<void> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.split('\n').length > lines) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function isRunning(child: KeptChild, pid: number): Promise<boolean> {
  return child.pid() === pid
}
