/** Which files a push puts on a node: the two names of the vault token, bearer tokens, and jobsub's default role file. Pure. */

import { renderTemplate, templateFields } from '../../../shared/config/resolve/template.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import { bearerFile, vaultTokenFiles } from '../../../shared/contracts/token-files.ts'
import type { PlacedFile } from '../transport/push.ts'
import type { DeliveredBearer } from './delivery.ts'

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
    ...(entry.roleFileTemplate === undefined
      ? []
      : [
          {
            path: renderTemplate(entry.roleFileTemplate, fields),
            mode: '644' as const,
            content: entry.role,
            optional: true,
          },
        ]),
  ]
}

/**
 * A token is one word, and so is a role: throws Permanent `content-refused` for anything else. Whoever may seal could give out
 * a whole file for a token, and what is read line by line for several.
 */
export function refuseUnlessWords(files: readonly PlacedFile[]): void {
  for (const { path, content } of files)
    if (!/^[!-~]+$/.test(content))
      throw failedWith('content-refused', `What was sealed for ${path} is not one word: nothing was pushed.`)
}

const secretFile = (path: string, content: string): PlacedFile => ({ path, mode: '400', content })
