/** Where everything of a sandbox lies; nothing of it is anywhere else. */
import { join } from 'node:path'

export interface Layout {
  readonly dir: string
  readonly config: string
  /** What the stand-ins know of the site (see `site-facts.ts`). */
  readonly facts: string
  readonly faults: string
  /** What condor_config_val answers, name by name. */
  readonly condorConfig: string
  readonly krb5Config: string
  readonly kdc: string
  readonly keytabs: string
  readonly vault: string
  readonly vaultKeytab: string
  readonly vaultCa: string
  /** The authorities of Vault and FERRY, as a directory that OpenSSL can search. */
  readonly certificates: string
  /** Every token ever issued, one JSON a line. */
  readonly tokens: string
  /** What the token issuer of `--site iam` was asked, one JSON a line. */
  readonly issuerRequests: string
  readonly clientSecret: string
  /** Of the key that opens every node of `--site iam`; the public half is beside it. */
  readonly sshKey: string
  readonly nodes: string
  readonly credds: string
  readonly state: string
  readonly mail: string
  readonly slack: string
  readonly traces: string
  readonly logs: string
  readonly bin: string
  readonly holds: string
  readonly held: string
  readonly sshConfig: string
  readonly sshKnownHosts: string
}

/** The paths of the sandbox in `dir`, which must be absolute. */
export function layoutOf(dir: string): Layout {
  const vault = join(dir, 'vault')
  return {
    dir,
    config: join(dir, 'managedTokens.yml'),
    facts: join(dir, 'site.json'),
    faults: join(dir, 'faults.json'),
    condorConfig: join(dir, 'condor', 'config.json'),
    krb5Config: join(dir, 'krb5.conf'),
    kdc: join(dir, 'kdc'),
    keytabs: join(dir, 'keytabs'),
    vault,
    vaultKeytab: join(vault, 'vault.keytab'),
    vaultCa: join(vault, 'ca.pem'),
    certificates: join(dir, 'certificates'),
    tokens: join(vault, 'tokens.jsonl'),
    issuerRequests: join(dir, 'issuer-requests.jsonl'),
    clientSecret: join(dir, 'keys', 'iam-client-secret'),
    sshKey: join(dir, 'keys', 'ssh_key'),
    nodes: join(dir, 'nodes'),
    credds: join(dir, 'credds'),
    state: join(dir, 'state'),
    mail: join(dir, 'mail'),
    slack: join(dir, 'slack'),
    traces: join(dir, 'traces'),
    logs: join(dir, 'logs'),
    bin: join(dir, 'bin'),
    holds: join(dir, 'holds'),
    held: join(dir, 'held'),
    sshConfig: join(dir, 'ssh_config'),
    sshKnownHosts: join(dir, 'ssh_known_hosts'),
  }
}

/** A node's `/tmp`, seen from outside. */
export const nodeTmp = (layout: Layout, node: string) => join(layout.nodes, node, 'tmp')

/** A service's credential in a credd. */
export const creddFile = (layout: Layout, credd: string, account: string, service: string) =>
  join(layout.credds, credd, account, `${service}.top`)
