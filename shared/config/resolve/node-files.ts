/** Which files an entry has on its nodes. Pure. */
import { posix } from 'node:path'
import { bearerFile, vaultTokenFiles } from '../../contracts/token-files.ts'
import type { Bearer } from '../schema/deliver-schema.ts'
import type { Entry } from '../site.ts'
import { renderTemplate, templateFields } from './template.ts'

export interface NodeFile {
  readonly path: string
  /** `role`: jobsub's default role file. */
  readonly holds: 'vault' | 'role' | Bearer
}

/** In the order in which they are put there. `uid` may be a stand-in for people where it is not known. */
export function nodeFiles(entry: Entry, uid: number | string): NodeFile[] {
  const fields = { ...templateFields(entry), DesiredUID: uid }
  const directory = renderTemplate(entry.tokenDirectoryTemplate, fields)
  const vault = entry.deliver.vault ? vaultTokenFiles(directory, uid, entry.service) : []
  const { roleFileTemplate } = entry
  return [
    ...vault.map((path) => ({ path, holds: 'vault' as const })),
    ...entry.deliver.bearers.map((bearer) => ({
      path:
        bearer.path === undefined
          ? bearerFile(directory, uid, bearer.purpose)
          : renderTemplate(bearer.path, fields),
      holds: bearer,
    })),
    ...(roleFileTemplate === undefined
      ? []
      : [{ path: renderTemplate(roleFileTemplate, fields), holds: 'role' as const }]),
  ]
}

/** Would WLCG's discovery find it without being told? */
export const isDiscovered = ({ path, holds }: NodeFile, uid: number | string): boolean =>
  typeof holds === 'object' && posix.normalize(path) === bearerFile('/tmp', uid, undefined)
