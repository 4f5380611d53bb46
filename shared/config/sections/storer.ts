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
  lanes: z
    .literal(1, 'more than one lane is refused: condor_vault_storer runs are only proven safe one at a time')
    .default(1)
    .describe('Storer commands at the same time.'),
})
export type StorerConfig = Readonly<z.output<typeof storerSection>>
