/** What is remembered of an entry, so that its tokens can be taken away when the configuration has it no longer. Pure. */
import type { Entry } from '../config/site.ts'
import { z } from '../contracts/zod.ts'
import type { EntryNames } from './find-entry.ts'

export const entryFacts = z.object({
  ...{ account: z.string(), principal: z.string().exactOptional(), keytab: z.string().exactOptional() },
  ...{ identityFile: z.string().exactOptional(), sshOptions: z.array(z.string()) },
  ...{ realExperiment: z.string(), credkey: z.string(), collectors: z.array(z.string()) },
  ...{ vaultServer: z.string().exactOptional(), vaultTokenRoot: z.string() },
  storerMethod: z.enum(['script', 'direct']),
  transport: z.enum(['ssh', 'rsync', 'local']),
})
export type EntryFacts = z.infer<typeof entryFacts>

export const factsOf = (entry: Entry): EntryFacts => entryFacts.parse(entry)

/** An entry that is good for taking away and for nothing else. */
export const entryFrom = (
  { entry: name, service, experiment, role }: EntryNames,
  facts: EntryFacts,
): Entry => ({
  ...facts,
  ...{ name, service, experiment, role },
  ...{ nodes: [], deliver: { vault: false, bearers: [] }, tokenGetter: 'getToken' as const },
  ...{ minTokenLifetime: '', tokenDirectoryTemplate: '', fileCopierOptions: [] },
  ...{ disableNotifications: false, emails: [] },
})
