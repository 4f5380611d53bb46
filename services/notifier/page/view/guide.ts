/** Where an experiment's tokens lie on its nodes, for those who use them there. Pure. */
import { renderTemplate, templateFields } from '../../../../shared/config/resolve/template.ts'
import type { Entry } from '../../../../shared/config/site.ts'
import { bearerFile, vaultTokenFiles } from '../../../../shared/contracts/token-files.ts'

export interface Guide {
  readonly entry: string
  readonly account: string
  readonly nodes: readonly string[]
  readonly vault: readonly string[]
  readonly bearers: readonly {
    readonly file: string
    readonly scopes: string
    readonly audience: string
    /** Found by WLCG's rule of discovery without being told. */
    readonly isFound: boolean
  }[]
}

/** `uid`: undefined where it is not known yet; a shell then says it. */
export function guideOf(entry: Entry, uid: number | undefined): Guide {
  const known = entry.desiredUid ?? uid ?? '$(id -u)'
  const directory = renderTemplate(entry.tokenDirectoryTemplate, {
    ...templateFields(entry),
    DesiredUID: known,
  })
  return {
    ...{ entry: entry.name, account: entry.account, nodes: entry.nodes },
    vault: entry.deliver.vault ? vaultTokenFiles(directory, known, entry.service) : [],
    bearers: entry.deliver.bearers.map(({ scopes, audience, purpose }) => ({
      file: bearerFile(directory, known, purpose),
      scopes: scopes.join(' '),
      audience: audience.join(' '),
      isFound: purpose === undefined && directory === '/tmp',
    })),
  }
}
