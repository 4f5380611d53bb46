/** Makes one refresh of each entry of a run out of `run.started`, which is all that has to be published to start one. */

import type { Outgoing } from '../../shared/bus/publish.ts'
import { workEnvelope } from '../../shared/contracts/envelope.ts'
import type { RefreshItem, RunStarted } from '../../shared/contracts/messages.ts'
import { refreshSubject, streams } from '../../shared/contracts/subjects.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'

/** Handles `run.started`. */
export async function planRun({ body }: Received<RunStarted>): Promise<readonly Outgoing[]> {
  return body.entries.map((one) => {
    const item: RefreshItem = workEnvelope({ ...body, ...one })
    return { kind: 'work', stream: streams.refresh, subject: refreshSubject(item), body: item }
  })
}
