/** The distributor's section of the configuration. */
import { z } from 'zod'
import { duration } from '../../shared/config/duration.ts'
import { programPath } from '../../shared/config/grammar.ts'

export const distributorSection = z.strictObject({
  concurrency: z.int().min(1).max(256).default(16).describe('Pushes at the same time.'),
  perNode: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe("Pushes at the same time to one node (sshd's MaxStartups refuses more than ten)."),
  pushAfter: z
    .enum(['ready', 'stored'])
    .default('ready')
    .describe('`stored`: push only once every credd has the token, as the predecessor did.'),
  ssh: programPath.default('ssh').describe('The ssh program.'),
  probePeriod: duration
    .prefault('60s')
    .describe('How often an unreachable node is tried again after the failure was reported.'),
})
export type DistributorConfig = Readonly<z.output<typeof distributorSection>>
