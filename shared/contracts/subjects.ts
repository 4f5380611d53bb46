/** Every subject, stream, consumer and bucket name of the system, and the one encoding of names into them (docs/bus.md). */

/** The four processes. A *service* is an experiment's role, never one of these. */
export const daemons = ['refresher', 'storer', 'distributor', 'notifier'] as const
export type Daemon = (typeof daemons)[number]

export const streams = {
  tokens: 'TOKENS',
  refresh: 'REFRESH',
  store: 'STORE',
  push: 'PUSH',
  notify: 'NOTIFY',
  dead: 'DEAD',
} as const
export type StreamName = (typeof streams)[keyof typeof streams]

export const buckets = {
  runs: 'runs',
  targets: 'targets',
  failures: 'failures',
  uids: 'uids',
  sealed: 'sealed',
  leases: 'leases',
  /** People's logins at token issuers, sealed to the refreshers themselves. */
  logins: 'logins',
  /** Of which services nothing is made, stored or pushed. */
  revoked: 'revoked',
} as const
export type BucketName = (typeof buckets)[keyof typeof buckets]

/** The stream in which a bucket lies. */
export const bucketStream = (name: BucketName) => `KV_${name}`

/** Durable consumers, named after the daemon that owns them, so that `nats consumer ls` prints the architecture. */
export const consumers = {
  refresherPlan: 'refresher-plan',
  refresher: 'refresher',
  storerPlan: 'storer-plan',
  storer: 'storer',
  distributorPlan: 'distributor-plan',
  /** Answers nothing unless `pushAfter: stored`. */
  distributorPlanStored: 'distributor-plan-stored',
  distributor: 'distributor',
  notifier: 'notifier',
  notifierOutbox: 'notifier-outbox',
  notifierDead: 'notifier-dead',
} as const
export type ConsumerName = (typeof consumers)[keyof typeof consumers]

/** The daemon that a consumer is named after. */
export const ownerOf = (consumer: ConsumerName): Daemon => consumer.split('-')[0] as Daemon

/** Request subjects, each an endpoint of a NATS micro service. */
export const requests = {
  run: 'managed-tokens.run',
  status: 'managed-tokens.status',
  services: 'managed-tokens.services',
  uidsRefresh: 'managed-tokens.uids.refresh',
  history: 'managed-tokens.history',
  /** The bus user `responder` alone may ask these two. */
  revoke: 'managed-tokens.revoke',
  restore: 'managed-tokens.restore',
} as const

/**
 * A name as one subject token or KV key token: `.` becomes `_`, everything outside `a-z0-9-` becomes `=XX` (hex of each
 * UTF-8 byte). Injective, because `_` itself is written `=5F`.
 */
export function encodeToken(name: string): string {
  let token = ''
  for (const byte of Buffer.from(name, 'utf8')) {
    const char = String.fromCharCode(byte)
    if (/[a-z0-9-]/.test(char)) token += char
    else if (char === '.') token += '_'
    else token += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return token
}

/** What a subject needs to know of an entry: the configured experiment (not the overridden one) and its role. */
export interface EntryName {
  readonly experiment: string
  readonly role: string
}

const entryTokens = (entry: EntryName) => `${encodeToken(entry.experiment)}.${encodeToken(entry.role)}`

/** The facts about tokens: `token.<kind>.<experiment>.<role>`, and about runs: `run.<kind>`. */
export type TokenFact = 'ready' | 'stored' | 'pushed' | 'removed' | 'failed'
export const tokenSubject = (fact: TokenFact, entry: EntryName) => `token.${fact}.${entryTokens(entry)}`
export const runSubject = (fact: 'started' | 'finished' | 'uids') => `run.${fact}`

/** Work items. The same string is the target's key in the `targets` and `failures` buckets. */
export const refreshSubject = (entry: EntryName) => `refresh.${entryTokens(entry)}`
export const storeSubject = (entry: EntryName, credd: string) =>
  `store.${entryTokens(entry)}.${encodeToken(credd)}`
export const pushSubject = (entry: EntryName, node: string) =>
  `push.${entryTokens(entry)}.${encodeToken(node)}`

/** The part of a subject that does not name an entry or a target: few enough for span names. */
export function subjectTemplate(subject: string): string {
  const [first = '', second = ''] = subject.split('.')
  return ['refresh', 'store', 'push'].includes(first) ? first : `${first}.${second}`
}

/** The outbox: one message to one addressee on one channel. */
export const notifySubject = (channel: 'email' | 'slack' | 'webhook', addressee: string) =>
  `notify.${channel}.${encodeToken(addressee)}`

/** Where a message that could not be handled is kept, with the reason. */
export const deadSubject = (stream: StreamName, consumer: ConsumerName) =>
  `dead.${stream.toLowerCase()}.${consumer}`

/** Where a daemon says what of its own on the bus had been removed and is made again. */
export const lostSubject = (daemon: Daemon) => `dead.lost.${daemon}`

/** Ledger keys in `runs`: the run itself, one of its entries, and the id minted last. */
export const runKey = (run: string) => run
export const ledgerKey = (run: string, entry: string) => `${run}.${encodeToken(entry)}`
/** All entries of a run, for whoever lists or watches them. */
export const ledgerKeys = (run: string) => `${run}.*`
export const latestRunKey = 'latest'

/** Keys of one kind: a word of their own, and what follows it. */
function keysUnder(word: string) {
  const prefix = `${word}.`
  return {
    /** For whoever lists or watches them. */
    all: `${prefix}>`,
    key: (rest: string) => prefix + rest,
    has: (key: string) => key.startsWith(prefix),
    rest: (key: string) => key.slice(prefix.length),
  }
}

/** The notifier's other keys in `runs`, none of which is a run's id: whose a token was, which runs are open, and news until they are told. */
export const tokenKey = (tokenId: string) => `token.${encodeToken(tokenId)}`
export const openRunsKey = 'open.runs'
export const batchKey = 'telling.now'
export const newsKeys = keysUnder('news')
export const toldKeys = keysUnder('told')
export const sentKey = (message: string) => `sent.${encodeToken(message)}`

/** The notifier's keys in `failures`: how often in a row something has failed. `name` is a credd or node. */
export const failureKey = (entry: string, kind: 'refresh' | 'credd' | 'node', name?: string) =>
  [encodeToken(entry), kind, ...(name ? [encodeToken(name)] : [])].join('.')
/** No entry's name is without `_`, so that no other key looks like these. */
export const isFailureKey = (key: string) => /^[^.]*=5F[^.]*\.(refresh|credd|node)\./.test(key)
/** The same for causes; of which tokens people were warned, by the target's key; when a run finished last; which problems were told. */
export const causeKeys = keysUnder('cause')
export const warningKeys = keysUnder('warned')
export const silenceKey = 'silence'
export const problemKeys = { configuration: 'configuration', templates: 'templates' } as const

/** Keys in `targets` that are no targets: until when Vault is left alone, how much it may be asked, what a schedule fired last. */
export const vaultPauseKey = 'vault.pause'
export const vaultBudgetKey = 'vault.budget'
export const scheduleKey = (name: 'run' | 'uids' | 'bearers') => `schedule.${name}`

/** The one key of the bucket `revoked`: its whole list, so that one look says all. */
export const revokedKey = 'list'

/** The key of an entry's sealed token: one revision per run. */
export const sealedKey = (entry: string) => encodeToken(entry)

/** Whether a subject is one of those that a pattern with NATS's wildcards (`*`, and `>` at the end) means. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const tokens = subject.split('.')
  const wanted = pattern.split('.')
  const isRest = wanted.at(-1) === '>'
  const fixed = isRest ? wanted.slice(0, -1) : wanted
  if (isRest ? tokens.length < wanted.length : tokens.length !== wanted.length) return false
  return fixed.every((token, index) => token === '*' || token === tokens[index])
}
