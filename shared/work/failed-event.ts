/** The event `token.failed`, made the same way by the three daemons that can fail. */

import type { Fact } from '../bus/publish.ts'
import { type AboutEntry, entryEnvelope } from '../contracts/envelope.ts'
import type { Failure } from '../contracts/errors.ts'
import type { TokenFailed } from '../contracts/messages.ts'
import { tokenSubject } from '../contracts/subjects.ts'
import { failuresTotal } from '../telemetry/metrics/metrics.ts'

/** `token.failed` for a work item, at most twice per run and target: as failing while it is tried again, and as failed for good. */
export function failedEvent(
  item: AboutEntry,
  stage: TokenFailed['stage'],
  target: string | undefined,
  failed: Failure,
  permanent: boolean,
): Fact {
  failuresTotal.inc({ stage, code: failed.code })
  const body: TokenFailed = {
    ...entryEnvelope(item),
    stage,
    ...(target ? { target } : {}),
    ...failed,
    permanent,
  }
  const kind = permanent ? 'failed' : 'failing'
  return {
    kind: 'fact',
    subject: tokenSubject('failed', item),
    id: `${item.run}.${stage}.${item.entry}.${target ?? ''}.${kind}`,
    body,
  }
}
