/** Who asks, as far as this program can say: the ledger keeps it. */
import { hostname, userInfo } from 'node:os'
import type { Person } from '../../shared/bus/permissions.ts'
import type { Asker } from '../../shared/contracts/messages.ts'
import { cleanLine } from '../../shared/contracts/one-sentence.ts'

export const whoAsks = (user: Person): Asker => ({
  ...{ user, host: cleanLine(hostname()) },
  person: cleanLine(userName()),
})

/** A container may run as somebody without a name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`
  }
}
