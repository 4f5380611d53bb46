/** Three current nats-servers that lose one after another under two replicas of every daemon: every token arrives, nothing false is told. */
import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Msg } from '@nats-io/nats-core'
import { ask, connectOperator } from '../../cli/bus/connection.ts'
import { readWholeStatus } from '../../cli/runs/whole-status.ts'
import { readCalls, readMisuse, readTogether } from '../../sandbox/calls.ts'
import { type SandboxSite, startSite } from '../../sandbox/site.ts'
import { makeNatsCluster, type NatsCluster } from '../../sandbox/support/nats-cluster.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RunAnswer } from '../../services/refresher/start-run/run-request.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { patiently } from '../../shared/bus/patiently.ts'
import { leaseTtlMs, owned } from '../../shared/bus/streams/topology.ts'
import { daemons, requests, streams } from '../../shared/contracts/subjects.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory } from '../support/pipeline.ts'
import { startDaemon, until } from './support/daemons.ts'
import { goProgram } from './support/real-programs.ts'

const inSeconds = (ms: number) => (ms / 1_000).toFixed(1)

/** So long nothing may be heard of a run while a server is away, says the promise (milliseconds). */
const longestStopMs = 15_000

describe('a cluster of three servers under two replicas of each daemon', { timeout: 20 * 60_000 }, () => {
  const stack = new AsyncDisposableStack()
  let site: SandboxSite
  let cluster: NatsCluster
  /** Of the two machines. */
  let states: readonly string[]
  const storers: AsyncDisposable[] = []
  /** One at each server: whichever is cut off or stands still, what the others say is heard. */
  let operators: readonly Bus[]
  /** When each fact was heard (monotonic, milliseconds). */
  const heard: { readonly at: number; readonly subject: string; readonly text: string }[] = []

  before(async () => {
    const [keys, others, directory] = [await makeDirectory(), await makeDirectory(), await makeDirectory()]
    for (const one of [keys, others, directory]) stack.use(one)
    cluster = stack.use(await makeNatsCluster(keys.path, goProgram('nats-server')))
    cpSync(keys.path, others.path, { recursive: true, filter: (path) => !path.includes('/server-') })
    await Promise.all([0, 1, 2].map((index) => cluster.start(index)))
    const nats = { servers: cluster.urls, replicas: 3 }
    site = stack.use(
      await startSite({
        dir: join(directory.path, 'site'),
        settings: { ...patience, tracing: undefined, nats },
      }),
    )
    states = [keys.path, others.path]
    const started = states.flatMap((state, replica) =>
      daemons.map((daemon) => {
        const one = stack.use(startDaemon(site, daemon, state, replica))
        if (daemon === 'storer') storers.push(one)
        return one
      }),
    )
    await Promise.all(started.map(({ ready }) => ready))
    operators = await Promise.all(
      cluster.urls.map((nats) => connectOperator({ config: site.config, state: keys.path, nats })),
    )
    for (const operator of operators) {
      stack.use(operator)
      for (const subject of ['token.>', 'run.*'])
        operator.nc.subscribe(subject, { callback: (_error, message) => hear(message) })
      await operator.nc.flush()
    }
  })
  after(() => stack.disposeAsync())

  /** The first answer of any of them. */
  const anybody = <T>(ask: (operator: Bus) => Promise<T>): Promise<T> => Promise.any(operators.map(ask))

  /** Each server tells the same again: what is heard is that it arrived at all. */
  const hear = (message: Msg) => {
    const [at, subject, text] = [performance.now(), message.subject, message.string()]
    if (!heard.some((one) => one.subject === subject && one.text === text)) heard.push({ at, subject, text })
  }

  const leaderOf = async (stream: string) => {
    const { cluster: copies } = await patiently(() => anybody(({ jsm }) => jsm.streams.info(stream)))
    return ['one', 'two', 'three'].indexOf(copies?.leader ?? '')
  }

  /** A run during which `fault` happens; every token arrives. Returns the longest silence after the fault, and how long the run took. */
  async function runThrough(fault: () => Promise<void>): Promise<{ stopMs: number; runMs: number }> {
    heard.length = 0
    let run = ''
    const begun = performance.now()
    await until('a run starts', async () => {
      run = (await ask<RunAnswer>(operators[0] as Bus, requests.run, {}, 10_000)).run
      return true
    })
    await until('the first token is ready', async () =>
      heard.some(({ subject }) => subject.startsWith('token.')),
    )
    const since = performance.now()
    await fault()
    const status = await untilFinished(run)
    const runMs = performance.now() - begun
    const { failed, unfinished } = status.totals
    assert.deepEqual({ failed, unfinished }, { failed: 0, unfinished: 0 })
    const failures = heard.filter(({ subject }) => subject.startsWith('token.failed'))
    assert.deepEqual(failures, [], 'no failure is told that is none')
    const times = [since, ...heard.filter(({ at }) => at > since).map(({ at }) => at)]
    const stopMs = Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] ?? at)))
    return { stopMs, runMs }
  }

  async function untilFinished(run: string): Promise<RunStatus> {
    let found: RunStatus | undefined
    await until('the run has finished', async () => {
      found = await anybody((operator) => readWholeStatus(operator, run)).catch(() => undefined)
      return found?.finished != null
    })
    return found as RunStatus
  }

  /** One fault at a time: where a copy is still behind, the next server that is lost takes the quorum with it. */
  const untilWhole = () =>
    until('every copy is there again', async () => {
      const found = await Promise.all(
        owned.map(({ plan }) => anybody(({ jsm }) => jsm.streams.info(plan.config.name))),
      )
      return found.every(
        ({ cluster: copies }) => copies?.leader && copies.replicas?.every(({ current }) => current),
      )
    })

  let later: NodeJS.Timeout | undefined
  const cutOff = (index: number) => {
    cluster.isolate(index)
    later = setTimeout(() => cluster.heal(), 45_000).unref()
  }

  const faults: Readonly<Record<string, () => Promise<void>>> = {
    nothing: async () => {},
    'kill -9 of the leader of PUSH': async () => {
      const leader = await leaderOf(streams.push)
      await cluster.stop(leader)
      await sleep(2_000)
      await cluster.start(leader)
    },
    'kill -9 of the leader of STORE': async () => {
      const leader = await leaderOf(streams.store)
      await cluster.stop(leader)
      await sleep(2_000)
      await cluster.start(leader)
    },
    'the leader of TOKENS stands still for 40 s': async () => {
      const leader = await leaderOf(streams.tokens)
      cluster.signal(leader, 'SIGSTOP')
      later = setTimeout(() => cluster.signal(leader, 'SIGCONT'), 40_000).unref()
    },
    'the leader of REFRESH is cut off, with its clients': async () => cutOff(await leaderOf(streams.refresh)),
    // One of them leads all leaders, and goes on answering longest.
    'the first server is cut off, with its clients': async () => cutOff(0),
    'the second server is cut off, with its clients': async () => cutOff(1),
    'the third server is cut off, with its clients': async () => cutOff(2),
    'each server is restarted in turn': async () => {
      for (const index of [0, 1, 2]) {
        await cluster.stop(index, 'SIGTERM')
        await cluster.start(index)
        await untilWhole()
      }
    },
  }

  for (const [what, fault] of Object.entries(faults))
    it(`${what}: every token arrives, and the run stands still for 15 s at most`, async (t) => {
      await untilWhole()
      const { stopMs, runMs } = await runThrough(fault)
      t.diagnostic(`${what}: longest stop ${inSeconds(stopMs)} s, run ${inSeconds(runMs)} s`)
      clearTimeout(later)
      cluster.heal()
      for (const index of [0, 1, 2]) cluster.signal(index, 'SIGCONT')
      assert.ok(stopMs <= longestStopMs, `${Math.round(stopMs)} ms`)
    })

  it('a storer that cannot leave the server that is cut off stores nothing there', async () => {
    await untilWhole()
    for (const one of storers) await one[Symbol.asyncDispose]()
    const [here = '', there = ''] = states
    const lonely = startDaemon(site, 'storer', here, 0, ['--nats', cluster.urls[0] ?? ''])
    stack.use(lonely)
    await lonely.ready
    heard.length = 0
    const { run } = await ask<RunAnswer>(operators[1] as Bus, requests.run, {}, 10_000)
    await until('the first token is stored', async () =>
      heard.some(({ subject }) => subject.startsWith('token.stored')),
    )
    cluster.isolate(0)
    const storesSince = (at: number) =>
      readCalls(site.dir).filter(({ program, start }) => program === 'condor_vault_storer' && start > at)
    // Its lease ends by itself, there as well as for the others; until then nobody else stores.
    await sleep(leaseTtlMs)
    const over = Date.now()
    await sleep(2 * leaseTtlMs)
    assert.deepEqual(storesSince(over), [])
    stack.use(startDaemon(site, 'storer', there, 1))
    const { totals } = await untilFinished(run)
    assert.deepEqual([totals.failed, totals.unfinished], [0, 0])
    assert.notEqual(storesSince(over).length, 0, 'there was something left to store')
    cluster.heal()
  })

  it('no two storers ran at once, and no program was used in a way that it must not be', () => {
    assert.deepEqual(readTogether(site.dir), [])
    assert.deepEqual(readMisuse(site.dir), [])
  })
})
