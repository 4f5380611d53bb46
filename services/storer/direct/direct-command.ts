/** How a vault token is stored without condor_vault_storer: the words for the script beside this file. Pure. */
import { join } from 'node:path'
import { commonArguments } from '../../../shared/vault/htgettoken-arguments.ts'
import type { StorerRun } from '../condor/storer-run.ts'

const script = join(import.meta.dirname, 'store-direct.sh')

/** The credd itself says when it was given its token, so that none of 7 days is kept beside it: each store asks for a new one. */
export function directCommand({ entry, site, vaultServer, stage }: StorerRun): string[] {
  const places = { home: stage.home, kept: join(stage.home, 'none'), fresh: '/dev/stdout' }
  const asked = commonArguments(entry, { vaultServer, caPath: site.vault.caPath }, places)
  const wanted = ['--vaulttokenttl=28d', '--showbearerurl', `--outfile=${stage.bearerFile}`]
  const htgettoken = [site.refresher.htgettoken, ...asked, ...wanted]
  return ['sh', script, site.storer.condorStoreCred, entry.service, ...htgettoken]
}
