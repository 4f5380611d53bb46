/** The storer's section of the configuration. */

import { z } from '../../contracts/zod.ts'
import { absolutePath, programPath } from '../schema/grammar.ts'

export const storerSection = z.strictObject({
  condorVaultStorer: programPath.default('condor_vault_storer').describe('The condor_vault_storer program.'),
  condorStoreCred: programPath.default('condor_store_cred').describe('The condor_store_cred program.'),
  condorVersion: programPath.default('condor_version').describe('The condor_version program.'),
  lockFile: absolutePath
    .optional()
    .describe('Held by every storer command on this host. Default: ~/.managed-tokens/storer.lock.'),
  method: z
    .enum(['script', 'direct'])
    .default('script')
    .describe('`script`: by condor_vault_storer; `direct`: by htgettoken and condor_store_cred, without it.'),
  lanes: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe(
      'Stores at the same time, never two of one service nor of one account in one credd; above 1 for HTCondor ≥ 10.6 (or 10.0.6).',
    ),
})
export type StorerConfig = Readonly<z.output<typeof storerSection>>
