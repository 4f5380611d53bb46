/** Makes one refresh of each entry of a run out of `run.started`, which is all that has to be published to start one. */

import type { Outgoing } from '../../shared/bus/publish.ts'
import { workEnvelope } from '../../shared/contracts/envelope.ts'
import { failure } from '../../shared/contracts/errors.ts'
import type { RefreshItem, RunStarted } from '../../shared/contracts/messages.ts'
import { refreshSubject, streams } from '../../shared/contracts/subjects.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { failedEvent } from '../../shared/work/failed-event.ts'
import { describeRevoked, type Revoked } from '../../shared/work/revoked.ts'

/** Handles `run.started`. A run that takes away has its items already. */
export async function planRun(
  received: Received<RunStarted>,
  revoked: Pick<Revoked, 'find'>,
): Promise<readonly Outgoing[]> {
  const { body } = received
  if (body.revocation) return []
  return Promise.all(
    body.entries.map(async (one): Promise<Outgoing> => {
      const item: RefreshItem = workEnvelope({ ...body, ...one })
      const found = await revoked.find(one.service, received)
      if (!found) return { kind: 'work', stream: streams.refresh, subject: refreshSubject(item), body: item }
      // Revoked since the run was asked for.
      return failedEvent(item, 'refresh', undefined, failure('revoked', `${describeRevoked(found)}.`), true)
    }),
  )
}
