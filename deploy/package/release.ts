/** Which build of which version a package is, so that the package of a later commit counts as newer. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GiveUp } from './give-up.ts'

export interface Release {
  readonly version: string
  /** Orders packages of one version: how many commits lead to it; then which one it is. */
  readonly release: string
  readonly commit: string
  /** When it was made, in seconds since the epoch: the time of every file. */
  readonly dateSeconds: number
  /** The working tree is not the commit's. */
  readonly changed: boolean
}

/** Throws {@link GiveUp} where git does not say it. */
export function readRelease(root: string, number: string | undefined): Release {
  const git = (...words: string[]) => askGit(root, words)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const commit = git('rev-parse', 'HEAD')
  const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
  if (number === undefined && git('rev-parse', '--is-shallow-repository') === 'true')
    throw new GiveUp(
      'This clone has not all commits, whose number orders packages of one version: git fetch --unshallow, or give --release N.',
    )
  return {
    version,
    release: nameRelease(number ?? git('rev-list', '--count', 'HEAD'), commit, changed),
    commit,
    dateSeconds: Number(git('show', '--no-patch', '--format=%ct', 'HEAD')),
    changed,
  }
}

/** Of letters, digits and dots, which rpm and dpkg compare alike. */
export const nameRelease = (number: string, commit: string, changed: boolean) =>
  `${number}.g${commit.slice(0, 12)}${changed ? '.changed' : ''}`

function askGit(root: string, words: readonly string[]): string {
  try {
    return execFileSync('git', ['-C', root, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim()
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    throw new GiveUp(`A package is made from a clone of git, which says: ${stderr.trim() || message}`)
  }
}
