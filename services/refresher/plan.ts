/** Makes one refresh of each entry of a run out of `run.started`, which is all that has to be published to start one. */

import type { Outgoing } from '../../shared/bus/publish.ts'
import {
  type RefreshItem,
  type RunStarted,
  schemaVersion,
  timestamp,
} from '../../shared/contracts/messages.ts'
import { refreshSubject, streams } from '../../shared/contracts/subjects.ts'
import type { Received } from '../../shared/work/consume.ts'

/** Handles `run.started`. */
export async function planRun({ body }: Received<RunStarted>): Promise<readonly Outgoing[]> {
  const { run, mode, deadline } = body
  return body.entries.map(({ entry, service, experiment, role }) => {
    const item: RefreshItem = {
      schema: schemaVersion,
      at: timestamp(),
      ...{ run, entry, service, experiment, role, mode, deadline },
    }
    return { kind: 'work', stream: streams.refresh, subject: refreshSubject(item), body: item }
  })
}
