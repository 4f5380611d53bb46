/**
 * Daemons killed or told to stop, and nats-server killed, at points of a daemon's life that a seed chooses: around what it does to the bus, to files, with commands
 * and over HTTP (`test/support/kills/points.ts`). `KILLS=1000 KILL_SEED=7` makes more of them, of another seed.
 */
import { describe, it } from 'node:test'
import { type Fault, killAtPoints } from '../support/kills/kill-at-points.ts'

const kills = Number(process.env.KILLS ?? 10)
const seed = Number(process.env.KILL_SEED ?? 1)

const faults: Readonly<Record<string, { readonly fault: Fault; readonly share: number }>> = {
  'daemons killed at any point of theirs end every run well, do little twice, tell everything and leave no secret':
    { fault: 'SIGKILL', share: 1 },
  'daemons told to stop at any point of theirs end in time, and the next ones go on': {
    fault: 'SIGTERM',
    share: 0.5,
  },
  'nats-server killed at any point of any daemon: nothing is lost, nothing done again': {
    fault: 'server',
    share: 0.25,
  },
}

// Most of the time everybody waits until the server takes back what a dead daemon had: all sites at once.
describe('at points that a seed chooses', { concurrency: 3, timeout: 400_000 + kills * 15_000 }, () => {
  for (const [what, { fault, share }] of Object.entries(faults))
    it(what, async (t) => {
      const say = (line: string) => t.diagnostic(`seed ${seed}: ${line}`)
      await killAtPoints({ fault, kills: Math.ceil(kills * share), seed, say })
    })
})
