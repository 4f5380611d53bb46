/** The distributor's section of the configuration. */

import { z } from '../../contracts/zod.ts'
import { duration, positiveDuration } from '../schema/duration.ts'
import { programPath } from '../schema/grammar.ts'
import { templateText } from '../schema/template-text.ts'

export const distributorSection = z.strictObject({
  concurrency: z
    .int()
    .min(1)
    .max(256)
    .default(16)
    .describe(
      'Pushes at the same time; those that only try a node which is away have as much room beside them.',
    ),
  perNode: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe("Pushes at the same time to one node (sshd's MaxStartups refuses more than ten)."),
  pushAfter: z
    .enum(['ready', 'stored'])
    .default('ready')
    .describe(
      '`stored`: push only once every credd has the token, as the predecessor did. While one does not take it, no node of that entry gets it: the credd’s failure says so, and the run shows the nodes as unfinished.',
    ),
  transport: z
    .enum(['ssh', 'rsync', 'local'])
    .default('ssh')
    .describe(
      'How files get to nodes; `rsync` is for accounts that allow nothing else there, `local` for a node that is the distributor’s own host.',
    ),
  tokenDirectory: templateText.default('/tmp').describe('Directory of the tokens on nodes.'),
  identityFile: templateText
    .optional()
    .describe(
      'Private ssh key that nodes are reached with instead of Kerberos (mode 0600); a template such as `/etc/managed-tokens/keys/{{.Account}}`.',
    ),
  ssh: programPath.default('ssh').describe('The ssh program.'),
  rsync: programPath.default('rsync').describe('The rsync program, for `transport: rsync`.'),
  controlMaster: z
    .boolean()
    .default(false)
    .describe('Keep connections to nodes open for the next push (OpenSSH 8.7 or newer).'),
  controlPersist: positiveDuration
    .prefault('10m')
    .describe('How long such a connection stays open after its last push.'),
  probePeriod: duration
    .prefault('60s')
    .describe(
      'How soon after its return at the latest a node gets a token that it missed: one that is away is tried so often.',
    ),
})
export type DistributorConfig = Readonly<z.output<typeof distributorSection>>
