/** Three storers on one host, of which the one at work is killed or put to sleep at random: `SOAK_SECONDS` and `SOAK_SEED` choose how long and how, and the method as well. */
import { it } from 'node:test'
import { soakStorers } from '../support/soak-storers.ts'

const seconds = Number(process.env.SOAK_SECONDS ?? 120)
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)
const timeout = (seconds + 600) * 1_000

const chosen = seed % 2 === 0 ? 'script' : 'direct'

for (const [how, lanes, method] of [
  ['one lane', 1, 'script'],
  ['four lanes', 4, chosen],
] as const)
  it(
    `three storers, killed and stopped at random in ${how} by ${method} for ${seconds} s (SOAK_SEED=${seed})`,
    { timeout },
    () => soakStorers({ seconds, seed, lanes, method }),
  )
