/** Which files a push puts on a node: the two names of the vault token, bearer tokens, and jobsub's default role file. Pure. */
import type { Entry } from '../../shared/config/site.ts'
import { renderTemplate, templateFields } from '../../shared/config/template.ts'
import { bearerFile, vaultTokenFiles } from '../../shared/token-files.ts'
import type { DeliveredBearer } from './delivery.ts'
import type { PlacedFile } from './transport.ts'

/**
 * Mode 0400 tells jobsub_lite that a vault token is managed and must not be moved. The role file holds one word.
 */
export function filesFor(
  entry: Entry,
  uid: number,
  token: string | undefined,
  bearers: readonly DeliveredBearer[] = [],
): PlacedFile[] {
  const fields = templateFields(entry, uid)
  const directory = renderTemplate(entry.tokenDirectoryTemplate, fields)
  return [
    ...(token === undefined
      ? []
      : vaultTokenFiles(directory, uid, entry.service).map((path) => secretFile(path, token))),
    ...bearers.map((bearer) => secretFile(bearerFile(directory, uid, bearer.purpose), bearer.token)),
    {
      path: renderTemplate(entry.roleFileTemplate, fields),
      mode: '644',
      content: entry.role,
      optional: true,
    },
  ]
}

const secretFile = (path: string, content: string): PlacedFile => ({ path, mode: '400', content })
