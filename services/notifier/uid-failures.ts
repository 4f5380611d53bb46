/** Tells the administrators which accounts FERRY gave no UID for, in its own words. Pure. */
import type { Site } from '../../shared/config/site.ts'
import type { RunUids } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import type { Outgoing } from '../../shared/publish.ts'
import { tellAdmins } from './admin-notice.ts'

/** Handles `run.uids`. */
export function announceUidFailures({ run, failed }: RunUids, site: Site): Outgoing[] {
  const [first] = failed
  if (!first) return []
  const lines = failed.map(({ account, code, message, action, uid }) => {
    const still = uid === undefined || code === 'account-refused' ? '' : ` UID ${uid} stays in force.`
    return `${account}: ${cleanLine(message)} [${code}]${still}\n  to do: ${cleanLine(action)}`
  })
  const whose = failed.length === 1 ? first.account : `${failed.length} accounts`
  return tellAdmins(
    {
      run,
      id: `${run}.uids`,
      subject: `managed-tokens: no UID from FERRY for ${whose}`,
      text: `${lines.join('\n')}\n`,
    },
    site,
  )
}
