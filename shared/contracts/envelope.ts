/** What messages begin with: their version, when they were made, and whose they are. */
import { type RefreshItem, schemaVersion, timestamp } from './messages.ts'

/** Of every message. */
export const envelope = (at: string = timestamp()) => ({ schema: schemaVersion, at })

export type AboutEntry = Pick<RefreshItem, 'run' | 'entry' | 'service' | 'experiment' | 'role'>

/** Of whatever says something about one entry in one run. */
export const entryEnvelope = ({ run, entry, service, experiment, role }: AboutEntry) => ({
  ...envelope(),
  ...{ run, entry, service, experiment, role },
})

/** Of work, and of what more work follows from. */
export const workEnvelope = ({
  mode,
  deadline,
  ...item
}: AboutEntry & Pick<RefreshItem, 'mode' | 'deadline'>) => ({
  ...entryEnvelope(item),
  ...{ mode, deadline },
})
