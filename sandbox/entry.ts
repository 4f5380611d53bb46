/** What the sandbox knows of one entry: the facts from which the configuration, the KDC, the nodes and the stand-ins are all made. */

export interface SiteEntry {
  /** The experiment as configured (`dune-2`). */
  readonly experiment: string
  /** The experiment the token issuer knows, where it differs. */
  readonly experimentOverride?: string
  readonly role: string
  readonly account: string
  readonly uid: number
  /** Where the system learns the UID: `desiredUIDOverride` in the configuration, FERRY, or the nodes themselves. */
  readonly uidFrom: 'config' | 'ferry' | 'node'
  /** Fully qualified names of the nodes that get the token. */
  readonly nodes: readonly string[]
  /** Fully qualified names of the credds that get the token. */
  readonly credds: readonly string[]
  /** `tokenGetterOverride: oidc` with this grant; absent: the token comes from Vault. */
  readonly oidc?: { readonly grant: 'client_credentials' | 'refresh_token' | 'token_exchange' }
  /** `condorCreddHostOverride`, the collector's answer, or none at all (`tokenGetterOverride: getToken`). */
  readonly creddsFrom: 'config' | 'collector' | 'none'
  /** As the configuration has it; absent: the vault token alone. */
  readonly deliver?: readonly ('vault' | { readonly bearer: SiteBearer })[]
}

/** A bearer token that an entry's nodes get. */
export interface SiteBearer {
  readonly scopes: readonly string[]
  readonly audience?: readonly string[]
  readonly minSeconds?: number
  readonly purpose?: string
  /** With `each`, a token and a file for each of them. */
  readonly audiences?: readonly string[]
  readonly each?: boolean
  /** In `/tmp`, with `{{.AudienceHost}}` in it. */
  readonly path?: string
  readonly newline?: boolean
}

export const deliversVault = ({ deliver }: SiteEntry) => deliver?.includes('vault') ?? true
/** One for each token. */
export const bearersOf = ({ deliver = [] }: SiteEntry): readonly SiteBearer[] =>
  deliver
    .flatMap((one) => (one === 'vault' ? [] : [one.bearer]))
    .flatMap(({ audiences, each, ...bearer }) =>
      audiences && each ? audiences.map((one) => ({ ...bearer, audience: [one] })) : [bearer],
    )

/** The name of its file in a node's `/tmp`. */
export function bearerFileName({ uid }: SiteEntry, { path, purpose, audience = [] }: SiteBearer): string {
  const [host = ''] = (audience[0] ?? '').split(':')
  if (path !== undefined) return path.replace('/tmp/', '').replace('{{.AudienceHost}}', host)
  return purpose ? `bt_u${uid}-${purpose}` : `bt_u${uid}`
}

export const realm = 'SANDBOX.TEST'
export const collector = 'collector.sandbox.test'

/** `<experiment>_<role>` as configured: the name on the bus and on the command line. */
export const entryName = (entry: SiteEntry) => `${entry.experiment}_${entry.role}`

/** The experiment of the service: what the token issuer and jobsub call it. */
export const realExperiment = (entry: SiteEntry) => entry.experimentOverride ?? entry.experiment

/** The name in credds, in file names on nodes and at the token issuer. */
export const serviceName = (entry: SiteEntry) => `${realExperiment(entry)}_${entry.role}`

/** The robot principal of an account; `.k5login` on the nodes names it. */
export const principalOf = (account: string) => `${account}/managedtokens/sandbox.test@${realm}`

/** The schedd constraint with which the collector is asked for this entry's credds. */
export const scheddConstraint = (entry: SiteEntry) =>
  `stringListMember("${entryName(entry)}", SupportedEntries)`

/** Every value once, in the order of first appearance. */
const unique = (values: readonly string[]) => [...new Set(values)]

export const nodesOf = (entries: readonly SiteEntry[]) => unique(entries.flatMap((entry) => entry.nodes))
export const creddsOf = (entries: readonly SiteEntry[]) => unique(entries.flatMap((entry) => entry.credds))

/** Accounts with their UIDs, once each. */
export function accountsOf(entries: readonly SiteEntry[]): { name: string; uid: number }[] {
  const accounts = new Map(entries.map((entry) => [entry.account, entry.uid]))
  return [...accounts].map(([name, uid]) => ({ name, uid }))
}
