/** The event `token.failed`, made the same way by the three daemons that can fail. */

import type { Fact } from '../bus/publish.ts'
import type { Failure } from '../contracts/errors.ts'
import { schemaVersion, type TokenFailed, timestamp } from '../contracts/messages.ts'
import { tokenSubject } from '../contracts/subjects.ts'
import { failuresTotal } from '../telemetry/metrics/metrics.ts'

/** What every work item says about itself. */
export interface FailedItem {
  readonly run: string
  readonly entry: string
  readonly service: string
  readonly experiment: string
  readonly role: string
}

/** `token.failed` for a work item, once per run, target and kind. */
export function failedEvent(
  item: FailedItem,
  stage: TokenFailed['stage'],
  target: string | undefined,
  failed: Failure,
  permanent: boolean,
): Fact {
  const { run, entry, service, experiment, role } = item
  failuresTotal.inc({ stage, code: failed.code })
  const body: TokenFailed = {
    schema: schemaVersion,
    at: timestamp(),
    ...{ run, entry, service, experiment, role },
    stage,
    ...(target ? { target } : {}),
    ...failed,
    permanent,
  }
  const kind = permanent ? 'failed' : 'failing'
  return {
    kind: 'fact',
    subject: tokenSubject('failed', item),
    id: `${run}.${stage}.${entry}.${target ?? ''}.${kind}`,
    body,
  }
}
