/** What goes wrong in the soak: every kind of fault that a sandbox and its harness can make, as data. */

import { defaultEntries } from '../../../sandbox/default-entries.ts'
import { creddsOf, nodesOf, type SiteEntry, serviceName } from '../../../sandbox/entry.ts'
import type { FaultName, Faults } from '../../../sandbox/faults.ts'
import { daemons } from '../../../shared/contracts/subjects.ts'

export const entries: readonly SiteEntry[] = defaultEntries

/** What a fault may be about, by what is said of it in a step. */
const choices = {
  nothing: [''],
  daemon: daemons,
  process: [...daemons, 'nats-server'],
  ticketHolder: ['refresher', 'storer', 'distributor'],
  node: nodesOf(entries),
  credd: creddsOf(entries),
  service: [...new Set(entries.map(serviceName))],
  /** Services of one entry each. */
  revocable: ['mu2e_production', 'nova_analysis'],
  removable: ['mu2e_production', 'nova_analysis', 'dune-2_production'],
  host: [...nodesOf(entries), 'vault'],
  stores: [
    'KV_targets',
    'KV_sealed',
    'KV_runs',
    'KV_leases',
    'KV_uids',
    'PUSH',
    'STORE',
    'REFRESH',
    'TOKENS',
  ],
  planted: ['link', 'directory', 'pipe', 'open file', 'second name'],
} as const satisfies Record<string, readonly string[]>

export interface FaultKind {
  /** Sections of docs/faults.md. */
  readonly rows: readonly number[]
  readonly on: keyof typeof choices
  /** How long it lasts, at least and at most (seconds); absent: it happens. */
  readonly lasts?: readonly [number, number]
  /** Two at once of what has the same word here would undo each other. Default: its own name. */
  readonly takes?: string
  /** How often it is chosen beside others. Default: 1. */
  readonly weight?: number
  /** What stands in `faults.json` meanwhile; absent: the harness makes it. */
  readonly faults?: (on: string) => Faults
}

/** Those that the harness makes itself (`effects.ts`). */
export const ofHarness = {
  'kill -9': { rows: [1, 4], on: 'process', takes: 'process', weight: 6 },
  SIGTERM: { rows: [31], on: 'daemon', takes: 'process', weight: 2 },
  'stand still': { rows: [2, 3, 12], on: 'daemon', lasts: [1, 14], takes: 'process', weight: 3 },
  'loop stands still': { rows: [3], on: 'daemon', takes: 'process', weight: 2 },
  'bus pause': { rows: [35], on: 'nothing', lasts: [4, 12], takes: 'bus', weight: 2 },
  'stream removed': { rows: [6], on: 'stores', takes: 'bus', weight: 1.5 },
  'store wiped': { rows: [5, 6], on: 'nothing', takes: 'bus', weight: 0.5 },
  'facts again': { rows: [10], on: 'nothing', takes: 'bus', weight: 1.5 },
  'old facts again': { rows: [10], on: 'nothing', takes: 'bus', weight: 1.5 },
  garbage: { rows: [10, 11, 37], on: 'nothing', takes: 'bus' },
  'node away': { rows: [20, 21], on: 'node', lasts: [2, 10], takes: 'node', weight: 2 },
  'node swallows all': { rows: [20], on: 'node', lasts: [2, 10], takes: 'node' },
  'one login at a time': { rows: [19], on: 'node', lasts: [4, 15], takes: 'node' },
  'node’s disk full': { rows: [9], on: 'node', lasts: [3, 10], weight: 1.5 },
  'tokens removed': { rows: [34], on: 'node' },
  planted: { rows: [23], on: 'planted', lasts: [3, 12], weight: 1.5 },
  'KDC away': { rows: [14], on: 'nothing', lasts: [2, 10], takes: 'keys' },
  'tickets removed': { rows: [39], on: 'ticketHolder' },
  'new keys': { rows: [39], on: 'host', takes: 'node' },
  'configuration broken': { rows: [25], on: 'nothing', lasts: [2, 10] },
  'entry removed': { rows: [34], on: 'removable', lasts: [3, 12], takes: 'entry' },
  'service revoked': { rows: [40], on: 'revocable', lasts: [3, 15], takes: 'entry' },
} as const satisfies Record<string, FaultKind>

/** One that the sandbox's stand-ins make. */
const standIn = (
  name: FaultName,
  row: number,
  options: {
    readonly on?: FaultKind['on']
    readonly value?: number
    readonly lasts?: FaultKind['lasts']
  } = {},
): Record<string, FaultKind> => {
  const { on = 'nothing', value = true, lasts = [2, 10] } = options
  return {
    [name]: {
      ...{ rows: [row], on, lasts, weight: 0.5, takes: on === 'credd' ? 'credd' : name },
      faults: (about) => ({ [name]: on === 'nothing' ? value : [about] }) as Faults,
    },
  }
}

const ofStandIns: Readonly<Record<string, FaultKind>> = {
  ...standIn('vault-down', 15),
  ...standIn('vault-hangs', 15, { lasts: [2, 5] }),
  ...standIn('vault-error', 15, { value: 503 }),
  ...standIn('vault-sealed', 15),
  ...standIn('vault-tls', 15),
  ...standIn('vault-rate-limit', 15, { value: 2 }),
  ...standIn('needs-onboarding', 15, { on: 'service' }),
  ...standIn('permission-denied', 15, { on: 'service' }),
  ...standIn('ticket-refused', 39, { on: 'service' }),
  ...standIn('vault-tokens-revoked', 15, { on: 'service' }),
  ...standIn('issuer-down', 38, { on: 'service' }),
  ...standIn('issuer-unknown', 38, { on: 'service' }),
  ...standIn('issuer-refuses-vault', 38, { on: 'service' }),
  ...standIn('login-revoked', 38, { on: 'service' }),
  ...standIn('credd-down', 16, { on: 'credd' }),
  ...standIn('credd-hangs', 16, { on: 'credd', lasts: [2, 5] }),
  ...standIn('credd-refuses', 16, { on: 'credd' }),
  ...standIn('credd-refuses-login', 39, { on: 'credd' }),
  ...standIn('credd-forgets', 16, { on: 'credd' }),
  ...standIn('credd-misconfigured', 16, { on: 'credd' }),
  ...standIn('credmon-down', 16, { on: 'credd' }),
  ...standIn('untrusted-vault-host', 16, { on: 'credd' }),
  ...standIn('storer-hangs', 17, { on: 'service', lasts: [2, 5] }),
  ...standIn('storer-prints-much', 17, { on: 'service', lasts: [2, 5] }),
  ...standIn('storer-stores-nothing', 17, { on: 'service' }),
  ...standIn('storer-wrong-service', 17, { on: 'service' }),
  ...standIn('ferry-down', 34),
  ...standIn('mail-down', 13, { lasts: [2, 8] }),
  ...standIn('mail-hangs', 13, { lasts: [2, 8] }),
  ...standIn('mail-refuses', 13, { value: 450, lasts: [2, 8] }),
  ...standIn('mail-tls', 13, { lasts: [2, 8] }),
  ...standIn('slack-hangs', 13, { lasts: [2, 8] }),
  ...standIn('slack-error', 13, { value: 503, lasts: [2, 8] }),
  ...standIn('slack-rate-limit', 13, { value: 2, lasts: [2, 8] }),
}

export const kinds: Readonly<Record<string, FaultKind>> = { ...ofHarness, ...ofStandIns }

/** Everything that a fault of this kind may be about. Pure. */
export const choicesOf = ({ on }: FaultKind): readonly string[] => choices[on]
