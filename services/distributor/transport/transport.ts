/** Which way an entry's files go to its nodes. */
import type { Entry } from '../../../shared/config/site.ts'
import { pushLocally } from './local.ts'
import type { Transport } from './push.ts'
import { pushByRsync } from './rsync.ts'
import { pushBySsh } from './ssh.ts'

const transports: Readonly<Record<Entry['transport'], Transport>> = {
  ssh: pushBySsh,
  rsync: pushByRsync,
  local: pushLocally,
}

export const transportOf = ({ transport }: Pick<Entry, 'transport'>): Transport => transports[transport]
