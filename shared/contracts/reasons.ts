/**
 * Every reason code: what it means, whose turn it is, what to do, and whether trying again can help. Logs, metrics, events,
 * mails and docs/reasons.md use these words unchanged; nobody else decides any of it.
 */

/** Who has to act before it works again. `nobody`: it passes by itself. */
export type Turn = 'experiment' | 'administrators' | 'nobody'

/** Where the cause lies. Targets that fail for the same cause are told as one. */
export type CauseKind =
  | 'configuration'
  | 'experiment'
  | 'account'
  | 'kdc'
  | 'ferry'
  | 'collector'
  | 'vault'
  | 'issuer'
  | 'credd'
  | 'node'
  | 'here'

export interface Reason {
  readonly means: string
  /** One sentence; `{service}` becomes the service that failed. */
  readonly action: string
  readonly turn: Turn
  readonly cause: CauseKind
  /** Trying again in this run would not help: the target ends as failed at once. */
  readonly permanent?: true
}

export const reasons = {
  'entry-unknown': {
    means: 'the run names an entry or node that this daemon’s configuration does not have',
    action: 'Make this daemon’s configuration file the same as the others’.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  revoked: {
    means: 'the tokens of the service were revoked, and nobody has restored it since',
    action: 'Nothing, while that is wanted; managed-tokens restore {service} lets it run again.',
    turn: 'nobody',
    cause: 'configuration',
    permanent: true,
  },
  'kinit-no-keytab': {
    means: 'the keytab is missing or cannot be read',
    action: 'Put the keytab where the configuration says, readable by this user only.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'kinit-wrong-keytab': {
    means: 'the keytab does not hold a current key of the principal',
    action: 'Check that the keytab holds a current key of this principal (klist -k -t KEYTAB).',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'kinit-unknown-principal': {
    means: 'the KDC does not know the principal',
    action: 'Check kerberosPrincipalPattern and userPrincipalOverride: the KDC does not know the principal.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'kinit-expired-principal': {
    means: 'the principal has expired or was revoked',
    action: 'Ask the Kerberos administrators to renew the principal.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'kdc-unreachable': {
    means: 'no KDC answers',
    action: 'Check the network and the KDCs in krb5.conf; nothing to do for experimenters.',
    turn: 'administrators',
    cause: 'kdc',
  },
  'clock-skew': {
    means: 'this clock and the KDC’s or the token issuer’s differ by more than Kerberos or tokens allow',
    action: 'Synchronise the clock of this machine (chronyc makestep), or have the other one set right.',
    turn: 'administrators',
    cause: 'here',
  },
  'kinit-failed': {
    means: 'kinit failed in a way that is not known',
    action: 'Run kinit by hand with this keytab and principal.',
    turn: 'administrators',
    cause: 'configuration',
  },
  'ticket-unusable': {
    means:
      'the ticket file was made, and a program found no ticket in it that it could use; nor in a new one',
    action: 'See that nothing takes away or changes files below this daemon’s state directory.',
    turn: 'administrators',
    cause: 'here',
  },
  'uid-unknown': {
    means: 'no UID is configured, and FERRY did not tell one; its own words are in the message',
    action: 'Set desiredUIDOverride or check the account in FERRY.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'ferry-unreachable': {
    means: 'FERRY does not answer, or not with an answer',
    action: 'Check FERRY and the way to it; UIDs that are known already stay in force.',
    turn: 'administrators',
    cause: 'ferry',
  },
  'account-refused': {
    means: 'FERRY says that the account is banned or not active',
    action: 'Ask the account’s owner: FERRY says that it is banned or expired.',
    turn: 'administrators',
    cause: 'account',
    permanent: true,
  },
  'collector-unreachable': {
    means: 'none of the collectors answered',
    action: 'Check the HTCondor collector and condorCollectorHost.',
    turn: 'administrators',
    cause: 'collector',
  },
  'no-credd': {
    means: 'the collector knows no schedd for the constraint',
    action:
      'Check condorScheddConstraint; a collector that was just started knows no schedd for some minutes.',
    turn: 'administrators',
    cause: 'configuration',
  },
  'credd-name-refused': {
    means: 'the collector names a schedd whose name is no host name; all the others are served',
    action: 'Correct that schedd’s Name, or leave it out by condorScheddConstraint.',
    turn: 'administrators',
    cause: 'collector',
    permanent: true,
  },
  'credd-unknown': {
    means:
      'the storer was asked for a credd that the collector does not name for the entry: gone since, or made up',
    action: 'Check that its schedd runs and is known to the collector; else find out who writes on the bus.',
    turn: 'administrators',
    cause: 'collector',
    permanent: true,
  },
  'no-vault-server': {
    means: 'neither the configuration nor HTCondor names a Vault server',
    action: 'Set vaultServer in the configuration.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'authentication-needed': {
    means:
      'there is no login of the experiment to make a token from, in Vault or at the token issuer, or it has ended',
    action: 'Somebody of the experiment has to log in once: managed-tokens onboard {service}',
    turn: 'experiment',
    cause: 'experiment',
    permanent: true,
  },
  'permission-denied': {
    means: 'Vault refused the login or the token',
    action: 'Check the role’s Vault policy and that the service is set up at the token issuer.',
    turn: 'administrators',
    cause: 'vault',
    permanent: true,
  },
  'vault-login-refused': {
    means: 'Vault refused the Kerberos login, also with a new ticket',
    action:
      'Check the role’s Kerberos login in Vault, and Vault’s own keytab; nothing to do for experimenters.',
    turn: 'administrators',
    cause: 'vault',
    permanent: true,
  },
  'bearer-refused': {
    means:
      'the token issuer refused a bearer token with these scopes or this audience; everything else was pushed',
    action: 'Check scopes and audience under deliver: the token issuer does not give them to this role.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'bearer-life-refused': {
    means:
      'the token issuer’s bearer tokens do not live as long as `minSeconds` or `minimumLifetime` asks; everything else was pushed',
    action:
      'Lower minSeconds or minimumLifetime under deliver, or have the token issuer’s tokens live longer.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'rate-limited': {
    means: 'Vault said "Too Many Requests", and the pause would have outlasted the run',
    action: 'Nothing: work resumes by itself after the pause.',
    turn: 'nobody',
    cause: 'vault',
  },
  'vault-unreachable': {
    means: 'Vault cannot be reached or answers with a server error',
    action: 'Check the Vault server; nothing to do for experimenters.',
    turn: 'administrators',
    cause: 'vault',
  },
  'vault-tls': {
    means: 'Vault’s certificate was not accepted',
    action:
      'Check Vault’s certificate, and whom this machine trusts: its system, and the directory that vault.caPath or X509_CERT_DIR names.',
    turn: 'administrators',
    cause: 'vault',
  },
  'proxy-failed': {
    means: 'the proxy that HTTPS_PROXY names is away, or refuses to connect',
    action:
      'Check the proxy, or name the host in NO_PROXY where it is reached without one; nothing to do for experimenters.',
    turn: 'administrators',
    cause: 'here',
  },
  'issuer-unreachable': {
    means: 'the token issuer is away or slow, or it limits Vault, which asks it for us',
    action: 'Check the token issuer and the way to it; nothing to do for experimenters.',
    turn: 'administrators',
    cause: 'issuer',
  },
  'issuer-rate-limited': {
    means: 'the token issuer wants to be left alone, and the pause would have outlasted the run',
    action: 'Nothing: work resumes by itself after the pause.',
    turn: 'nobody',
    cause: 'issuer',
  },
  'issuer-tls': {
    means: 'the token issuer’s certificate was not accepted',
    action:
      'Check the issuer’s certificate, and whom this machine trusts: its system, and the directory that issuers.….caPath or X509_CERT_DIR names.',
    turn: 'administrators',
    cause: 'issuer',
  },
  'issuer-misconfigured': {
    means: 'the token issuer refuses our client or Vault’s, or the settings for the issuer are wrong',
    action:
      'Correct the client at the issuer (id, secret or key, grants), in Vault or under issuers; nothing to do for experimenters.',
    turn: 'administrators',
    cause: 'issuer',
    permanent: true,
  },
  'credd-unreachable': {
    means: 'the credd did not take the credential, or did not say whether it has it',
    action:
      'Check the credd; every other one is served meanwhile, and so are the nodes unless pushAfter is stored.',
    turn: 'administrators',
    cause: 'credd',
  },
  'credd-not-allowed': {
    means: 'the credd does not allow this account to store',
    action: 'Check ALLOW_WRITE and CRED_SUPER_USERS on the credd.',
    turn: 'administrators',
    cause: 'credd',
    permanent: true,
  },
  'credd-misconfigured': {
    means: 'the credd answered with a complaint about its configuration or the connection',
    action: 'Look at the credd’s log: its configuration or its security settings do not fit.',
    turn: 'administrators',
    cause: 'credd',
  },
  'credmon-silent': {
    means:
      'the credd has the credential, and in all these runs no credential monitor has looked at it: jobs get no bearer from it',
    action: 'See that condor_credmon_vault runs on the credd, and what its log says.',
    turn: 'administrators',
    cause: 'credd',
  },
  'untrusted-vault-host': {
    means: 'the credd does not trust the Vault host',
    action: 'Add the Vault host, once as it is and once with its port, to TRUSTED_VAULT_HOSTS on the credd.',
    turn: 'administrators',
    cause: 'credd',
    permanent: true,
  },
  'scope-mismatch': {
    means: 'a credential with other scopes or audience is stored there',
    action: 'A credential with other scopes is stored: remove it with condor_store_cred delete-oauth.',
    turn: 'administrators',
    cause: 'credd',
    permanent: true,
  },
  'storer-timeout': {
    means: 'condor_vault_storer, or what stands in its place, was killed at its deadline, with its children',
    action: 'Look at the credd and at Vault: the storer was killed at its deadline.',
    turn: 'administrators',
    cause: 'credd',
  },
  'storer-locked': {
    means:
      'somebody else has held a lock of this store (its lane’s, its service’s, its account’s in the credd) for longer than a storer may run',
    action:
      'Find out who holds the storer’s lock on this host (fuser -v LOCKFILE) and end it; then the work goes on.',
    turn: 'administrators',
    cause: 'here',
  },
  'lanes-refused': {
    means:
      'HTCondor is too old (before 10.0.6, or 10.1 to 10.5) for more than one lane: its storer runs would share their files',
    action: 'Set storer.lanes to 1, or install HTCondor 10.6 or newer; storer.method: direct takes any.',
    turn: 'administrators',
    cause: 'here',
    permanent: true,
  },
  'nothing-stored': {
    means: 'the storer ended well, but the credd has no credential',
    action: 'The storer said it was done, but the credd has nothing: look at the credd’s log.',
    turn: 'administrators',
    cause: 'credd',
  },
  'wrong-token': {
    means: 'the token that was got names another experiment',
    action: 'Stop and find out why: the token belongs to another service.',
    turn: 'administrators',
    cause: 'vault',
    permanent: true,
  },
  misuse: {
    means: 'condor_vault_storer does not take the service’s name',
    action: 'The service name is not one that condor_vault_storer takes.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'staging-failed': {
    means: 'the private files of a storer run could not be made',
    action: 'Check disk space and permissions of serviceCreddVaultTokenPathRoot.',
    turn: 'administrators',
    cause: 'here',
  },
  'storer-failed': {
    means: 'the storer failed in a way that is not known',
    action:
      'Run condor_vault_storer -v by hand for this service (storer.method: direct: htgettoken, condor_store_cred).',
    turn: 'administrators',
    cause: 'here',
  },
  'seal-missing': {
    means: 'the sealed token is gone, over, not this entry’s, or not all that `deliver` asks for by now',
    action: 'Nothing: the next run makes a new token.',
    turn: 'nobody',
    cause: 'here',
    permanent: true,
  },
  'content-refused': {
    means: 'what was sealed is not one word of printable ASCII, so that it is no token; nothing was pushed',
    action: 'Security: find out who sealed it; no refresher of this system seals such a thing.',
    turn: 'administrators',
    cause: 'here',
    permanent: true,
  },
  'seal-refused': {
    means:
      'the sealed token is not signed by one of `sealing.trustedSigners`, or is not the one that was asked for',
    action:
      'Compare sealing.trustedSigners (or signing.pub) of the distributor with signing.pub beside the refresher’s keys; then start a run.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'node-unreachable': {
    means: 'no route to the node, or it does not answer',
    action: 'Check that the node is up and its ssh port open.',
    turn: 'administrators',
    cause: 'node',
  },
  'node-unknown': {
    means: 'the node’s name cannot be resolved',
    action: 'Check the node’s name in destinationNodes and DNS.',
    turn: 'administrators',
    cause: 'node',
  },
  'connection-refused': {
    means: 'nothing listens on the node’s ssh port',
    action: 'Check sshd on the node.',
    turn: 'administrators',
    cause: 'node',
  },
  'host-key-changed': {
    means: 'the node’s host key is not the known one; nothing was sent',
    action: 'Security: find out why the host key changed before you accept it in ssh_known_hosts.',
    turn: 'administrators',
    cause: 'node',
    permanent: true,
  },
  'host-key-unknown': {
    means: 'no host key of the node is known; nothing was sent',
    action: 'Put the node’s host key into /etc/ssh/ssh_known_hosts of this machine, after checking it.',
    turn: 'administrators',
    cause: 'node',
    permanent: true,
  },
  'kerberos-refused': {
    means: 'sshd did not accept the ticket for the account',
    action: 'Check the node’s keytab and the account’s .k5login.',
    turn: 'administrators',
    cause: 'node',
  },
  'key-refused': {
    means: 'sshd did not accept the key of `identityFile` for the account, or ssh could not use it',
    action:
      'Put its public half into the account’s authorized_keys on the node; the file here has to be the daemon’s alone (0600).',
    turn: 'administrators',
    cause: 'node',
  },
  'account-unknown': {
    means: 'the node knows no such account, or its sshd does not let it in',
    action: 'Make or unlock the account on the node, or take the node off the role’s destinationNodes.',
    turn: 'administrators',
    cause: 'node',
  },
  'account-not-ours': {
    means:
      '`transport: local` writes as the account, and the distributor is neither the account nor root; nothing was written',
    action:
      'Run the distributor as the account, or as root (--allow-root), or give the role a transport that logs in.',
    turn: 'administrators',
    cause: 'here',
    permanent: true,
  },
  'login-refused': {
    means: 'the ticket was good, but the account may not log in on the node',
    action: 'Check the account on the node: it is locked, has expired, or has no shell to log in with.',
    turn: 'administrators',
    cause: 'node',
  },
  'shell-failed': {
    means: 'the account’s login shell ended or swallowed its input before the files were taken',
    action: 'Check the account’s login shell and its start-up files on the node (.bashrc, .profile).',
    turn: 'administrators',
    cause: 'node',
  },
  'connection-dropped': {
    means: 'sshd kept closing connections before its greeting, also with one at a time',
    action:
      'Raise MaxStartups of the node’s sshd, or lower distributor.perNode; see that it has processes to spare.',
    turn: 'administrators',
    cause: 'node',
  },
  'disk-full': {
    means: 'no space on the node; the old token is still there, whole',
    action: 'Free space in the destination directory on the node.',
    turn: 'administrators',
    cause: 'node',
  },
  'destination-squatted': {
    means: 'somebody else’s file, link or directory is at the destination; nothing was followed',
    action:
      'Security: somebody else holds a file, link or directory at the destination; remove it on the node.',
    turn: 'administrators',
    cause: 'node',
    permanent: true,
  },
  'destination-missing': {
    means: 'the destination directory does not exist on the node',
    action: 'Make the destination directory on the node, or correct the destination in the configuration.',
    turn: 'administrators',
    cause: 'node',
    permanent: true,
  },
  'destination-unsafe': {
    means: 'others may rename files in the destination directory on the node; nothing was written',
    action:
      'Security: take the right to write from others (chmod go-w), or set the sticky bit; owner: root or the account.',
    turn: 'administrators',
    cause: 'node',
    permanent: true,
  },
  'destination-unwritable': {
    means: 'the account may not write in the destination directory on the node',
    action:
      'Give the destination directory to the account on the node, or correct the destination in the configuration.',
    turn: 'administrators',
    cause: 'node',
    permanent: true,
  },
  'wrong-owner': {
    means: 'the account has another UID on the node; nothing was written',
    action:
      'The account’s UID on the node differs from the configured one: check desiredUID and the account.',
    turn: 'administrators',
    cause: 'node',
    permanent: true,
  },
  'push-timeout': {
    means: 'the push did not end in time',
    action: 'Check the node’s load and network.',
    turn: 'administrators',
    cause: 'node',
  },
  'connection-lost': {
    means: 'the connection ended in the middle; each file is the old or the new one',
    action: 'Nothing: it is tried again; check the node if it stays.',
    turn: 'nobody',
    cause: 'node',
  },
  'push-failed': {
    means: 'the push failed in a way that is not known',
    action: 'Run ssh by hand with the entry’s ticket.',
    turn: 'administrators',
    cause: 'node',
  },
  'notification-failed': {
    means: 'a mail or a Slack message was refused or could not be delivered',
    action: 'Check the mail server and the Slack webhook in the configuration.',
    turn: 'administrators',
    cause: 'configuration',
    permanent: true,
  },
  'disk-full-here': {
    means: 'no space in the daemon’s state directory',
    action: 'Free space in this daemon’s state directory.',
    turn: 'administrators',
    cause: 'here',
  },
  timeout: {
    means: 'a program did not end in time and was stopped',
    action: 'Look at the program’s server; it was stopped at its deadline.',
    turn: 'administrators',
    cause: 'here',
  },
  unexpected: {
    means: 'an error nobody foresaw; the log of the run has it',
    action: 'Look at the daemon’s log for this run.',
    turn: 'administrators',
    cause: 'here',
  },
} as const satisfies Record<string, Reason>

export type ReasonCode = keyof typeof reasons

/** The reason of a code that may be a newer daemon’s; undefined where it is not known here. */
export const reasonOf = (code: string): Reason | undefined =>
  Object.hasOwn(reasons, code) ? reasons[code as ReasonCode] : undefined
