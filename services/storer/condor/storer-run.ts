/** One run of a storer: whose token, for which credd, in which private surroundings; and by what. */
import type { Entry, Site } from '../../../shared/config/site.ts'
import type { Stage } from '../private-run/stage.ts'

export interface StorerRun {
  readonly entry: Entry
  readonly credd: string
  readonly site: Site
  readonly vaultServer: string
  readonly ccache: string
  readonly stage: Stage
  readonly signal: AbortSignal
}

/** Without condor_vault_storer. */
export const isDirect = ({ storerMethod }: Pick<Entry, 'storerMethod'>) => storerMethod === 'direct'

/** What stores, for people. */
export const nameOfStorer = (entry: Pick<Entry, 'storerMethod'>) =>
  isDirect(entry) ? 'htgettoken with condor_store_cred' : 'condor_vault_storer'
