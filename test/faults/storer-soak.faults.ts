/** A short slice of the soak, always the same: what to do when it fails is `SOAK_SEED=1 npm run test:soak`. */
import { it } from 'node:test'
import { soakStorers } from '../support/soak-storers.ts'

const timeout = 170_000

it(
  'three storers, killed and stopped: never two at once, nothing under a wrong name, everything stored',
  {
    timeout,
  },
  () => soakStorers({ seconds: 15, seed: 1 }),
)

it(
  'three storers in four lanes, killed and stopped: never two of a service, nor more than the lanes',
  {
    timeout,
  },
  () => soakStorers({ seconds: 10, seed: 1, lanes: 4 }),
)
