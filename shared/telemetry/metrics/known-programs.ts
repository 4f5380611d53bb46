/** The programs that each daemon runs, by the names that their durations have: their series are there before the first is run. */
import type { Daemon } from '../../contracts/subjects.ts'

export const knownPrograms: Readonly<Record<Daemon, readonly string[]>> = {
  refresher: ['kinit', 'htgettoken', 'condor_status', 'condor_config_val'],
  storer: [
    ...['kinit', 'flock', 'condor_vault_storer', 'store-direct', 'condor_store_cred', 'condor_version'],
    ...['condor_config_val', 'condor_status'],
  ],
  distributor: ['kinit', 'ssh', 'rsync', 'id', 'place'],
  notifier: [],
}
