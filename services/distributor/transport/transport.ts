/** Which way an entry's files go to its nodes. */
import type { Entry } from '../../../shared/config/site.ts'
import { askLocally, pushLocally } from './local.ts'
import type { Transport } from './push.ts'
import { askByRsync, pushByRsync } from './rsync.ts'
import { askBySsh, pushBySsh } from './ssh.ts'

const transports: Readonly<Record<Entry['transport'], Transport>> = {
  ssh: { place: pushBySsh, askUid: askBySsh },
  rsync: { place: pushByRsync, askUid: askByRsync },
  local: { place: pushLocally, askUid: askLocally },
}

export const transportOf = ({ transport }: Pick<Entry, 'transport'>): Transport => transports[transport]
