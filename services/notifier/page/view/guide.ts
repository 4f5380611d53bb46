/** Where an experiment's tokens lie on its nodes, for those who use them there. Pure. */
import { isDiscovered, nodeFiles } from '../../../../shared/config/resolve/node-files.ts'
import type { Entry } from '../../../../shared/config/site.ts'

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
  const files = nodeFiles(entry, known)
  return {
    ...{ entry: entry.name, account: entry.account, nodes: entry.nodes },
    vault: files.flatMap(({ path, holds }) => (holds === 'vault' ? path : [])),
    bearers: files.flatMap((file) =>
      typeof file.holds === 'object'
        ? {
            file: file.path,
            scopes: file.holds.scopes.join(' '),
            audience: file.holds.audience.join(' '),
            isFound: isDiscovered(file, known),
          }
        : [],
    ),
  }
}
