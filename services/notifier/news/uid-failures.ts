/** Tells the administrators which accounts FERRY gave no UID for, and each reason once, in its own words. Pure. */

import type { Outgoing } from '../../../shared/bus/publish.ts'
import type { Site } from '../../../shared/config/site.ts'
import type { RunUids } from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { reasonOf } from '../../../shared/contracts/reasons.ts'
import { listNames } from '../failures/affected.ts'
import { noticesToAdmins } from './admin-notice.ts'

type FailedUid = RunUids['failed'][number]

/** Handles `run.uids`. */
export function announceUidFailures({ run, failed, more }: RunUids, site: Site): Outgoing[] {
  const [first] = failed
  if (!first) return []
  const bySaying = [...Map.groupBy(failed, sayingOf).values()]
  const count = failed.length + (more?.failed ?? 0)
  const whose = count === 1 ? first.account : `${count} accounts`
  return noticesToAdmins(
    {
      run,
      id: `${run}.uids`,
      subject: `managed-tokens: no UID from FERRY for ${whose}`,
      text: `${bySaying.map(describe).join('\n')}\n`,
    },
    site,
  )
}

/** The same words, whichever account they are about; a FERRY that is away has many for that. */
const sayingOf = ({ account, code, message }: FailedUid) =>
  reasonOf(code)?.cause === 'ferry' ? code : `${code} ${message.replaceAll(account, '…')}`

function describe(same: readonly FailedUid[]): string {
  const [{ account, code, message, action }] = same as [FailedUid]
  const why = `${cleanLine(message)} [${code}]`
  const toDo = `  to do: ${cleanLine(action)}`
  if (same.length === 1) return `${account}: ${why}${same.map(stillOf).join('')}\n${toDo}`
  const accounts = same.map((one) => `${one.account}${stillOf(one).replace(/^ (.*)\.$/, ' ($1)')}`)
  return `${same.length} accounts: ${why}\n  affects: ${listNames(accounts)}\n${toDo}`
}

const stillOf = ({ code, uid }: FailedUid) =>
  uid === undefined || code === 'account-refused' ? '' : ` UID ${uid} stays in force.`
