/** Which files a push puts on a node: the two names of the vault token, bearer tokens, and jobsub's default role file. Pure. */

import { nodeFiles } from '../../../shared/config/resolve/node-files.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import type { PlacedFile } from '../transport/push.ts'
import type { DeliveredBearer, Delivery } from './delivery.ts'

/**
 * Mode 0400 tells jobsub_lite that a vault token is managed and must not be moved. The role file holds one word.
 */
export function filesFor(
  entry: Entry,
  uid: number,
  { token, bearers }: Pick<Delivery, 'token' | 'bearers'>,
): PlacedFile[] {
  return nodeFiles(entry, uid).flatMap(({ path, holds }): PlacedFile[] => {
    if (holds === 'role') return [{ path, mode: '644', content: entry.role, optional: true }]
    if (holds === 'vault') return token === undefined ? [] : [{ path, mode: '400', content: token }]
    const made = bearers.find(({ bearer }) => bearer === holds)
    if (!made) return []
    const { newline } = holds
    return [{ path, mode: '400', content: contentOf(made), ...(newline === undefined ? {} : { newline }) }]
  })
}

function contentOf({ bearer, token, expiry }: DeliveredBearer): string {
  if (bearer.format !== 'json') return token
  const expires = Math.floor(Date.parse(expiry) / 1_000)
  return JSON.stringify({ access_token: token, token_type: 'Bearer', expires_at: expires })
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
