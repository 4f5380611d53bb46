/** Which version of this program this is, as the package says, and of which commit. */
import { join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { findCommit } from './commit.ts'

/** Hexadecimal digits of a commit: fewer may come to mean two. */
const digits = 12

/** `0.2.0+1a2b3c4d5e6f`, in the form of semantic versions, so that two commits of one version are told apart; without the commit where nobody knows it. */
export function versionOf(root: string): string {
  const commit = findCommit(root)
  return commit === undefined ? manifest.version : `${manifest.version}+${commit.slice(0, digits)}`
}

/** As it was at the start of this process. */
export const version = versionOf(join(import.meta.dirname, '../..'))
