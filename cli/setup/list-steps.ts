/** All steps of setup, in the order in which each finds what it needs. */
import type { Step } from './step.ts'
import { busSteps } from './steps/bus.ts'
import { certificateSteps } from './steps/certificates.ts'
import { configurationSteps } from './steps/configure.ts'
import { directorySteps } from './steps/directories.ts'
import { keySteps } from './steps/keys.ts'
import { keytabSteps } from './steps/keytabs.ts'
import { startSteps } from './steps/start.ts'
import { unitSteps } from './steps/units.ts'
import { userSteps } from './steps/users.ts'
import type { Wish } from './wish.ts'

export const listSteps = (wish: Wish): Step[] => [
  ...userSteps(wish),
  ...directorySteps(wish),
  ...keySteps(wish),
  ...certificateSteps(wish),
  ...busSteps(wish),
  ...configurationSteps(wish),
  ...keytabSteps(wish),
  ...unitSteps(wish),
  ...startSteps(wish),
]
