/** What is at fault where something failed: all that fails for the same cause is told as one. Pure. */
import type { Site } from '../../../shared/config/site.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { type CauseKind, type ReasonCode, reasonOf } from '../../../shared/contracts/reasons.ts'
import { encodeToken } from '../../../shared/contracts/subjects.ts'
import { entryNamed } from '../../../shared/work/find-entry.ts'
import type { News } from '../news/news.ts'

export interface Cause {
  readonly kind: CauseKind
  /** A host of Vault, a node …; empty where nobody says. */
  readonly name: string
  /** The same for all that fails for this cause; tokens of a KV key. */
  readonly key: string
}

/** What failed, as far as its cause depends on it. */
export interface FailedThing {
  readonly entry: string
  readonly kind: 'refresh' | 'credd' | 'node'
  readonly name: string
  readonly code: string
  readonly causeName?: string | undefined
}

/**
 * Different words for the same: nobody is there, or not as one should be. The same machine gives one program this and the next
 * one that; every other reason is a cause of its own.
 */
const away: readonly ReasonCode[] = [
  ...(['vault-unreachable', 'vault-tls', 'rate-limited'] as const),
  ...(['credd-unreachable', 'storer-timeout'] as const),
  ...(['node-unreachable', 'node-unknown', 'connection-refused'] as const),
  ...(['connection-dropped', 'connection-lost', 'push-timeout'] as const),
]
const codesOfAway: ReadonlySet<string> = new Set(away)

/** The cause of one failure. A code that is not known here is of the daemon that says so. */
export function causeOf(thing: FailedThing, site: Pick<Site, 'entries'>): Cause {
  const kind = reasonOf(thing.code)?.cause ?? 'here'
  const name = cleanLine(nameOf(kind, thing, site))
  const what = codesOfAway.has(thing.code) ? 'away' : thing.code
  return { kind, name, key: [kind, what, ...(name ? [name] : [])].map(encodeToken).join('.') }
}

function nameOf(kind: CauseKind, thing: FailedThing, site: Pick<Site, 'entries'>): string {
  const { entry, causeName } = thing
  // Each has to do this for itself, whoever else has to do the same.
  if (kind === 'experiment') return entry
  if (kind === 'account') return causeName ?? entry
  if (kind === 'vault') return hostOf(causeName ?? vaultServerOf(entry, site))
  return causeName ?? (kind === thing.kind ? thing.name : '')
}

/** Daemons of older versions do not say which Vault it was. */
const vaultServerOf = (name: string, { entries }: Pick<Site, 'entries'>) =>
  entryNamed(entries, name)?.vaultServer ?? ''

/** `vault.example.org` of `https://vault.example.org:8200`. */
const hostOf = (server: string) => server.replace(/^\w+:\/\//, '').replace(/:\d+$/, '')

const nouns: Readonly<Record<CauseKind, string>> = {
  ...{ vault: 'Vault', issuer: 'token issuer', kdc: 'KDC', ferry: 'FERRY', collector: 'collector' },
  ...{ credd: 'credd', node: 'node', account: 'account', experiment: 'login' },
  ...{ configuration: 'configuration', here: 'managed-tokens' },
}

/** As people call it: `Vault at vault.example.org`, `node dunegpvm07`. */
export function labelOf({ kind, name }: NonNullable<News['cause']>): string {
  const noun = nouns[kind as CauseKind] ?? nouns.here
  if (!name) return noun
  return `${noun}${kind === 'vault' || kind === 'ferry' ? ' at' : ''} ${name}`
}

/** True where people of an experiment can do something about it, or have to know: it is about their nodes, account or login. */
export function concernsExperiment(code: string | undefined): boolean {
  const kind = reasonOf(code ?? '')?.cause
  return kind === 'node' || kind === 'account' || kind === 'experiment'
}

/** True where somebody of the experiment has to act before anything works. */
export const needsExperiment = (code: string) => reasonOf(code)?.turn === 'experiment'
