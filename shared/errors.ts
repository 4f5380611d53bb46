/** The stable reason codes, and the ends other than success that a handler can choose (docs/reasons.md). */

/** What went wrong, in facts: the code is stable; logs, metrics, events and notifications use it unchanged. */
export interface Failure {
  readonly code: ReasonCode
  /** One sentence for people. Never a secret, never raw output of a program. */
  readonly message: string
  /** What to do about it, one sentence. */
  readonly action: string
  /** For an entry without a token: the credds that get nothing, as far as they are known. */
  readonly credds?: readonly string[]
}

/** Each reason code, with what to do. `{placeholders}` are filled from the failure's subject by {@link failure}. */
export const reasons = {
  'entry-unknown': 'Make this daemon’s configuration file the same as the others’.',
  'kinit-no-keytab': 'Put the keytab where the configuration says, readable by this user only.',
  'kinit-wrong-keytab': 'Check that the keytab holds a current key of this principal (klist -k -t KEYTAB).',
  'kinit-unknown-principal':
    'Check kerberosPrincipalPattern and userPrincipalOverride: the KDC does not know the principal.',
  'kinit-expired-principal': 'Ask the Kerberos administrators to renew the principal.',
  'kdc-unreachable': 'Check the network and the KDCs in krb5.conf; nothing to do for experimenters.',
  'clock-skew': 'Synchronise the clock of this machine (chronyc makestep).',
  'kinit-failed': 'Run kinit by hand with this keytab and principal.',
  'uid-unknown': 'Set desiredUIDOverride or check the account in FERRY.',
  'account-refused': 'Ask the account’s owner: FERRY says that it is banned or expired.',
  'collector-unreachable': 'Check the HTCondor collector and condorCollectorHost.',
  'no-credd': 'Check condorScheddConstraint: the collector knows no matching schedd.',
  'no-vault-server': 'Set vaultServer in the configuration.',
  'authentication-needed': 'Somebody of the experiment has to log in once: managed-tokens onboard {service}',
  'permission-denied': 'Check the role’s Vault policy and that the service is set up at the token issuer.',
  'bearer-refused':
    'Check scopes and audience under deliver: the token issuer does not give them to this role.',
  'rate-limited': 'Nothing: work resumes by itself after the pause.',
  'vault-unreachable': 'Check the Vault server; nothing to do for experimenters.',
  'vault-tls': 'Check Vault’s certificate and the certificate directory on this machine.',
  'credd-unreachable':
    'Check the credd; every other one is served meanwhile, and so are the nodes unless pushAfter is stored.',
  'credd-not-allowed': 'Check ALLOW_WRITE and CRED_SUPER_USERS on the credd.',
  'untrusted-vault-host': 'Add the Vault host to TRUSTED_VAULT_HOSTS on the credd.',
  'scope-mismatch':
    'A credential with other scopes is stored: remove it with condor_store_cred delete-oauth.',
  'storer-timeout': 'Look at the credd and at Vault: condor_vault_storer was killed at its deadline.',
  'storer-locked':
    'Find out who holds the storer’s lock on this host (fuser -v LOCKFILE) and end it; then the work goes on.',
  'nothing-stored':
    'condor_vault_storer said it was done, but the credd has nothing: look at the credd’s log.',
  'wrong-token': 'Stop and find out why: the token belongs to another service.',
  misuse: 'The service name is not one that condor_vault_storer takes.',
  'staging-failed': 'Check disk space and permissions of serviceCreddVaultTokenPathRoot.',
  'storer-failed': 'Run condor_vault_storer -v by hand for this service.',
  'seal-missing': 'Nothing: the next run makes a new token.',
  'node-unreachable': 'Check that the node is up and its ssh port open.',
  'node-unknown': 'Check the node’s name in destinationNodes and DNS.',
  'connection-refused': 'Check sshd on the node.',
  'host-key-changed': 'Security: find out why the host key changed before you accept it in ssh_known_hosts.',
  'host-key-unknown':
    'Put the node’s host key into /etc/ssh/ssh_known_hosts of this machine, after checking it.',
  'kerberos-refused': 'Check the node’s keytab and the account’s .k5login.',
  'disk-full': 'Free space in the destination directory on the node.',
  'destination-squatted':
    'Security: somebody else holds a file, link or directory at the destination; remove it on the node.',
  'wrong-owner':
    'The account’s UID on the node differs from the configured one: check desiredUID and the account.',
  'push-timeout': 'Check the node’s load and network.',
  'login-refused':
    'Check the account on the node: it is locked, has expired, or has no shell to log in with.',
  'connection-dropped':
    'Raise MaxStartups of the node’s sshd, or lower distributor.perNode; see that it has processes to spare.',
  'connection-lost': 'Nothing: it is tried again; check the node if it stays.',
  'push-failed': 'Run ssh by hand with the entry’s ticket.',
  'notification-failed': 'Check the mail server and the Slack webhook in the configuration.',
  'disk-full-here': 'Free space in this daemon’s state directory.',
  timeout: 'Look at the program’s server; it was stopped at its deadline.',
  unexpected: 'Look at the daemon’s log for this run.',
} as const satisfies Record<string, string>
export type ReasonCode = keyof typeof reasons

/** A failure with the standard advice of its code. */
export function failure(code: ReasonCode, message: string, fields: { service?: string } = {}): Failure {
  return { code, message, action: reasons[code].replace('{service}', fields.service ?? 'SERVICE') }
}

/** Trying again would not help: the failure is reported and the item ends. */
export class Permanent extends Error {
  override readonly name = 'Permanent'
  readonly failure: Failure
  constructor(failed: Failure) {
    super(failed.message)
    this.failure = failed
  }
}

/** Not now: tried again after `delayMs`. With a failure, that is reported now while the work goes on. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly delayMs: number
  readonly failure: Failure | undefined
  /** Called once the failure is published, so that it is reported once per run. */
  readonly markReported: (() => Promise<void>) | undefined
  constructor(delayMs: number, failed?: Failure, markReported?: () => Promise<void>) {
    super(failed?.message ?? `again in ${delayMs} ms`)
    this.delayMs = delayMs
    this.failure = failed
    this.markReported = markReported
  }
}

/** A failure that may pass by itself; the caller's retry policy decides when to try again and when to report. */
export class Transient extends Error {
  override readonly name = 'Transient'
  readonly failure: Failure
  constructor(failed: Failure) {
    super(failed.message)
    this.failure = failed
  }
}

/** Another holder has this item now: neither ack nor nak, and nothing may be reported. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost'
}
