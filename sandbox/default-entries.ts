/** The entries of the sandbox when nobody asks for others: three experiments and an override, three nodes, two credds. */
import type { SiteEntry } from './entry.ts'

const dunegpvm01 = 'dunegpvm01.sandbox.test'
const mu2egpvm01 = 'mu2egpvm01.sandbox.test'
const sharedgpvm01 = 'sharedgpvm01.sandbox.test'
const credd1 = 'credd1.sandbox.test'
const credd2 = 'credd2.sandbox.test'

export const defaultEntries: readonly SiteEntry[] = [
  {
    experiment: 'dune',
    role: 'production',
    account: 'dunepro',
    uid: 50762,
    uidFrom: 'config',
    nodes: [dunegpvm01, sharedgpvm01],
    credds: [credd1],
    creddsFrom: 'collector',
  },
  {
    // The same service as above on other nodes and another credd.
    experiment: 'dune-2',
    experimentOverride: 'dune',
    role: 'production',
    account: 'dunepro',
    uid: 50762,
    uidFrom: 'config',
    nodes: [mu2egpvm01],
    credds: [credd2],
    creddsFrom: 'config',
  },
  {
    experiment: 'mu2e',
    role: 'production',
    account: 'mu2epro',
    uid: 44592,
    uidFrom: 'ferry',
    nodes: [mu2egpvm01, sharedgpvm01],
    credds: [credd1, credd2],
    creddsFrom: 'collector',
  },
  {
    experiment: 'nova',
    role: 'analysis',
    account: 'novaana',
    uid: 46301,
    uidFrom: 'ferry',
    nodes: [sharedgpvm01],
    credds: [],
    creddsFrom: 'none',
  },
]
