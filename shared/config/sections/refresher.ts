/** The refresher's section of the configuration. */

import { z } from '../../contracts/zod.ts'
import { programPath, realm } from '../schema/grammar.ts'

export const refresherSection = z.strictObject({
  concurrency: z.int().min(1).max(64).default(8).describe('Entries refreshed at the same time.'),
  htgettoken: programPath.default('htgettoken').describe('The htgettoken program.'),
  condorStatus: programPath.default('condor_status').describe('The condor_status program.'),
  condorConfigVal: programPath.default('condor_config_val').describe('The condor_config_val program.'),
  stripRealms: z
    .array(realm)
    .default([])
    .describe('Kerberos realms taken off the principal for `--credkey`, besides FNAL.GOV.'),
})
export type RefresherConfig = Readonly<z.output<typeof refresherSection>>
