/** How the faults are made that are the harness's: each begins, and gives what ends it. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, connectAs } from '../../../cli/bus/connection.ts'
import { startBlackHole } from '../../../sandbox/black-hole.ts'
import { nodeTmp } from '../../../sandbox/layout.ts'
import { writeSshdConfig } from '../../../sandbox/nodes.ts'
import { findNode } from '../../../sandbox/site.ts'
import { buckets, type Daemon, requests, vaultBudgetKey } from '../../../shared/contracts/subjects.ts'
import { natsFiles } from '../../../shared/daemon/state.ts'
import { fillDisk } from './fill-disk.ts'
import { kinds, type ofHarness } from './kinds.ts'
import { plant } from './plant.ts'
import { publishGarbage, repeatFacts } from './repeat-facts.ts'
import type { FaultStep } from './schedule.ts'
import type { World } from './world.ts'

/** Ends the fault; nobody else has to be asked to. */
export type End = () => unknown

type Effect = (world: World, step: FaultStep) => Promise<End | undefined> | End | undefined

const effects: Readonly<Record<keyof typeof ofHarness, Effect>> = {
  'kill -9': ({ pipe }, { on }) => void pipe.supervisor.kill(on as Daemon, 'SIGKILL'),
  SIGTERM: ({ pipe }, { on }) => void pipe.supervisor.kill(on as Daemon, 'SIGTERM'),
  'stand still': ({ pipe }, { on }) => stop(pipe, on as Daemon),
  'loop stands still': ({ pipe }, { on }) => void pipe.supervisor.kill(on as Daemon, 'SIGUSR2'),
  'bus pause': ({ pipe }) => stop(pipe, 'nats-server'),
  'stream removed': async ({ almighty }, { on }) => void (await almighty.jsm.streams.delete(on)),
  async 'store wiped'({ pipe }) {
    await rm(natsFiles(pipe.site.layout.state).store, { recursive: true, maxRetries: 10 })
    pipe.supervisor.kill('nats-server', 'SIGKILL')
  },
  'facts again': (world, { dice }) => void repeatFacts(world, 'new', dice),
  'old facts again': (world, { dice }) => void repeatFacts(world, 'old', dice),
  garbage: ({ almighty }, { dice }) => void publishGarbage(almighty, dice),
  async 'node away'({ pipe: { site } }, { on }) {
    await site.stopNode(on)
    return () => site.startNode(on)
  },
  async 'node swallows all'({ pipe: { site } }, { on }) {
    await site.stopNode(on)
    const hole = await startBlackHole(findNode(site.nodes, on))
    return async () => {
      await hole[Symbol.asyncDispose]()
      await site.startNode(on)
    }
  },
  async 'one login at a time'({ pipe: { site } }, { on }) {
    const restartWith = async (settings: { maxStartups?: string }) => {
      await site.stopNode(on)
      writeSshdConfig(site.layout, findNode(site.nodes, on), settings)
      await site.startNode(on)
    }
    await restartWith({ maxStartups: '1:100:1' })
    return () => restartWith({})
  },
  'node’s disk full': ({ pipe: { site } }, { on }) => fillDisk(nodeTmp(site.layout, on)),
  'tokens removed'({ pipe: { site } }, { on }) {
    const tmp = nodeTmp(site.layout, on)
    for (const name of readdirSync(tmp))
      if (/^vt_u/.test(name)) rmSync(join(tmp, name), { recursive: true, force: true })
    return undefined
  },
  planted: plant,
  async 'KDC away'({ pipe: { site } }) {
    await site.stopKdc()
    return () => site.startKdc()
  },
  'tickets removed': ({ pipe: { site } }, { on }) => {
    const tickets = join(site.layout.state, on, 'tickets')
    // A daemon that is just being started again has none.
    for (const name of existsSync(tickets) ? readdirSync(tickets) : [])
      rmSync(join(tickets, name), { recursive: true, force: true })
    return undefined
  },
  'new keys': async ({ pipe: { site } }, { on }) => void (await site.rekey(on)),
  'configuration broken': ({ changeConfig }) => changeConfig('broken'),
  'entry removed': ({ changeConfig }, { on }) => changeConfig({ without: on }),
  async 'service revoked'(world, { on }) {
    await askResponder(world, requests.revoke, { services: [on], reason: 'the soak', keepLogin: true })
    return () => askResponder(world, requests.restore, { services: [on] })
  },
}

/** Resolves when it has begun. */
export async function begin(world: World, step: FaultStep): Promise<End | undefined> {
  const faults = kinds[step.kind]?.faults
  if (faults) return afterwards(world.addFaults(faults(step.on)), world, step)
  return (await effects[step.kind as keyof typeof ofHarness](world, step)) ?? undefined
}

/** Where a daemon learns something of a fault for hours, an operator lets it forget that. */
function afterwards(end: End, { almighty }: World, { kind }: FaultStep): End {
  if (kind !== 'vault-rate-limit') return end
  return async () => {
    await end()
    await untilDone(async () => (await almighty.bucket(buckets.targets)).purge(vaultBudgetKey))
  }
}

/** A process that was killed meanwhile has no end to wait for. */
function stop({ supervisor }: World['pipe'], name: Daemon | 'nats-server'): End {
  const pid = supervisor.pids()[name]
  supervisor.kill(name, 'SIGSTOP')
  return () => {
    if (supervisor.pids()[name] === pid) supervisor.kill(name, 'SIGCONT')
  }
}

/** For so long a bus that is away, or a daemon that is just being started again, is asked anew (milliseconds). */
const askingMs = 120_000

async function askResponder({ pipe }: World, subject: string, body: object): Promise<void> {
  const { site, supervisor } = pipe
  await untilDone(async () => {
    await using bus = await connectAs('responder', { state: site.layout.state, nats: supervisor.url })
    return await ask<object>(bus, subject, body, 5_000)
  })
}

async function untilDone(attempt: () => Promise<unknown>): Promise<void> {
  for (const deadline = Date.now() + askingMs; ; await sleep(200)) {
    const done = await attempt().catch((error: Error) => error)
    if (!(done instanceof Error)) return
    if (Date.now() > deadline) throw done
  }
}
