/**
 * Each daemon killed by SIGKILL at points of its life that a seed chooses: around what it does to the bus, to files, with commands
 * and over HTTP (`test/support/kills/points.ts`). `KILLS=1000 KILL_SEED=7` makes more of them, of another seed.
 */
import { describe, it } from 'node:test'
import { killAtPoints } from '../support/kills/kill-at-points.ts'

const kills = Number(process.env.KILLS ?? 24)
const seed = Number(process.env.KILL_SEED ?? 1)

// Most of the time everybody waits until the server takes back what a dead daemon had: two sites at once.
describe('daemons that are killed at any point', {
  concurrency: 2,
  timeout: 400_000 + kills * 10_000,
}, () => {
  for (const one of [seed, seed + 1])
    it(`end every run well, do little twice, tell everything and leave no secret (${one - seed ? 'another' : 'one'} seed)`, async (t) => {
      await killAtPoints({ kills, seed: one, say: (line) => t.diagnostic(`seed ${one}: ${line}`) })
    })
})
