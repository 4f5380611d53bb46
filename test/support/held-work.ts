/** Entries of which every storer, login and refresh is known by its service, and the work of one run for each of them. */
import { defaultEntries } from '../../sandbox/default-entries.ts'
import { entryName } from '../../sandbox/entry.ts'

export const dune = 'dune_production'
export const mu2e = 'mu2e_production'
export const nova = 'nova_analysis'
/** Both take tokens of dune. */
export const [node1, node2] = ['dunegpvm01.sandbox.test', 'sharedgpvm01.sandbox.test'] as const

/** Without the second entry of dune. */
export const plainEntries = defaultEntries.filter((entry) => entryName(entry) !== 'dune-2_production')

/** As `countWork` tells it. */
export const duneOnce = {
  'refresh dune_production': 1,
  'store dune_production credd1': 1,
  'push dunegpvm01 dunepro': 1,
  'push sharedgpvm01 dunepro': 1,
}
export const mu2eOnce = {
  'refresh mu2e_production': 1,
  'store mu2e_production credd1': 1,
  'store mu2e_production credd2': 1,
  'push mu2egpvm01 mu2epro': 1,
  'push sharedgpvm01 mu2epro': 1,
}
