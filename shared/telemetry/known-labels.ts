/** Which reason codes and programs each daemon can count: their series are there before the first of them is. */
import type { ReasonCode } from '../errors.ts'
import type { Daemon } from '../subjects.ts'

type Codes = readonly ReasonCode[]

const anywhere: Codes = ['entry-unknown', 'timeout', 'disk-full-here', 'unexpected']
const kerberos: Codes = [
  ...['kinit-no-keytab', 'kinit-wrong-keytab', 'kinit-unknown-principal', 'kinit-expired-principal'],
  ...['kinit-failed', 'kdc-unreachable', 'clock-skew'],
] as const
const vault: Codes = [
  ...['authentication-needed', 'permission-denied', 'rate-limited', 'vault-unreachable', 'vault-tls'],
] as const

/** A code that is missing here is counted all the same, but its first failure is no increase. */
export const knownCodes: Readonly<Record<Daemon, Codes>> = {
  refresher: [
    ...[...anywhere, ...kerberos, ...vault],
    'no-vault-server',
    'bearer-refused',
    'uid-unknown',
    'account-refused',
    'collector-unreachable',
    'no-credd',
  ],
  storer: [
    ...[...anywhere, ...kerberos, ...vault],
    'no-vault-server',
    'credd-unreachable',
    'credd-not-allowed',
    'untrusted-vault-host',
    'scope-mismatch',
    'storer-timeout',
    'storer-locked',
    'storer-failed',
    'nothing-stored',
    'wrong-token',
    'misuse',
    'staging-failed',
  ],
  distributor: [
    // With those of a bearer token that the refresher could not make: it is told where it is missing.
    ...[...anywhere, ...kerberos, ...vault],
    'bearer-refused',
    'seal-missing',
    'node-unreachable',
    'node-unknown',
    'connection-refused',
    'connection-dropped',
    'connection-lost',
    'host-key-changed',
    'host-key-unknown',
    'kerberos-refused',
    'login-refused',
    'disk-full',
    'destination-squatted',
    'wrong-owner',
    'push-timeout',
    'push-failed',
  ],
  notifier: ['notification-failed'],
}

/** The programs that each daemon runs, by the names that their durations have. */
export const knownPrograms: Readonly<Record<Daemon, readonly string[]>> = {
  refresher: ['kinit', 'htgettoken', 'condor_status', 'condor_config_val'],
  storer: [
    ...['kinit', 'flock', 'condor_vault_storer', 'condor_store_cred', 'condor_version', 'condor_config_val'],
  ],
  distributor: ['kinit', 'ssh', 'rsync'],
  notifier: [],
}
