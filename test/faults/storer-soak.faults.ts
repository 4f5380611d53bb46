/** A short slice of the soak, always the same: what to do when it fails is `SOAK_SEED=1 npm run test:soak`. */
import { it } from 'node:test'
import { soakStorers } from '../support/soak-storers.ts'

it(
  'three storers, killed and stopped: never two at once, nothing under a wrong name, everything stored',
  {
    timeout: 170_000,
  },
  () => soakStorers({ seconds: 15, seed: 1 }),
)
