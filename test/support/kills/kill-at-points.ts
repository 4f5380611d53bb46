/** Runs during which daemons are killed at points that a seed chooses, on one site that is kept up. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, daemons } from '../../../shared/contracts/subjects.ts'
import { findLeaks } from '../canary.ts'
import { makeDirectory } from '../pipeline.ts'
import { randomOf } from '../random.ts'
import { assertNothingLeft } from '../site-ends.ts'
import type { Kill } from './points.ts'
import { Pool } from './pool.ts'
import { entries, playRound, type Usual } from './round.ts'
import { type KillSite, startKillSite } from './site.ts'

/** What comes when a daemon is at its point: its own end, that it shall stop, or the end of nats-server. */
export type Fault = 'SIGKILL' | 'SIGTERM' | 'server'

export interface KillOptions {
  readonly fault: Fault
  /** So many at least. */
  readonly kills: number
  readonly seed: number
  /** Told after each round. */
  readonly say: (line: string) => void
}

/** So often each daemon dies in a run. */
const lives = 2

type Pools = Readonly<Record<Daemon, Pool>>

/** Throws where a promise was broken, with the points of that round. */
export async function killAtPoints({ fault, kills, seed, say }: KillOptions): Promise<void> {
  await using directory = await makeDirectory()
  const random = randomOf(seed)
  const pools = Object.fromEntries(daemons.map((name) => [name, new Pool(random)])) as Pools
  {
    await using at = await startKillSite(directory.path, { entries })
    learn(at, pools, true)
    const failing = await playRound(at, { isFailing: true })
    learn(at, pools, false)
    const usual = { failing, good: await playRound(at, {}) }
    learn(at, pools, false)
    for (let round = 1, done = 0; done < kills; round++) {
      const ends = endsOf(fault, pools, random, at)
      done += await playSeeded(at, ends, round % 2 === 1, usual).catch((error: Error) => {
        throw new Error(`round ${round} of seed ${seed}: ${error.message}\n${describe(ends)}`, {
          cause: error,
        })
      })
      learn(at, pools, true)
      const left = daemons.map((name) => `${pools[name].left()} of ${pools[name].size} of the ${name}`)
      say(`${done} of ${kills} in ${round} runs; never chosen were ${left.join(', ')}`)
    }
  }
  const site = join(directory.path, 'site')
  await assertNothingLeft(site)
  assert.deepEqual(unfinishedFiles(join(site, 'state')), [], 'files that a killed daemon was writing')
  assert.deepEqual(await findLeaks(site), [])
}

/** One server can die at one moment alone: it comes where some daemon is. */
function endsOf(fault: Fault, pools: Pools, random: () => number, at: KillSite): Ends {
  if (fault === 'SIGKILL') return daemons.map((name) => [name, pools[name].next(lives)])
  if (fault === 'SIGTERM')
    return daemons.map((name) => [name, pools[name].next(lives).map((kill) => ({ ...kill, signal: fault }))])
  const name = daemons[Math.floor(random() * daemons.length)] as Daemon
  const victim = at.pipe.supervisor.pids()['nats-server']
  if (!victim) throw new Error('nats-server is not there')
  return [[name, pools[name].next(1).map((kill) => ({ ...kill, victim }))]]
}

type Ends = readonly (readonly [Daemon, readonly Kill[]])[]

/** Returns how many daemons died where they should. */
async function playSeeded(
  at: KillSite,
  ends: Ends,
  isFailing: boolean,
  usual: Readonly<Record<'failing' | 'good', Usual>>,
): Promise<number> {
  for (const [name, kills] of ends) await at.killAt(name, kills)
  await playRound(at, { isFailing, usual: isFailing ? usual.failing : usual.good })
  return daemons.flatMap((name) => at.takeKilled(name)).length
}

function learn(at: KillSite, pools: Pools, isOfStart: boolean): void {
  for (const name of daemons) pools[name].learn(at.takePoints(name), { isOfStart })
}

const describe = (ends: Ends) =>
  ends
    .map(
      ([name, kills]) => `${name}: ${kills.map(({ point, time }) => `${point} (${time})`).join(', then ')}`,
    )
    .join('\n')

/** What `writeFileAtomic` and its like leave when they are killed. */
const unfinishedFiles = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp'))
