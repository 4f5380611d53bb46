/** Two releases of the daemons in one place: an earlier commit and the working tree, between which each daemon can be switched. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Daemon } from '../../shared/contracts/subjects.ts'

/** The release before this one. */
const earlierCommit = 'cbf354fb786dfee6818a841870a7a52bfb18e9af'
const root = join(import.meta.dirname, '../..')

export type Release = 'earlier' | 'current'

export interface Releases {
  /** Where both are. */
  readonly trees: Readonly<Record<Release, string>>
  /** Why the earlier one is a copy of the working tree. */
  readonly missing?: string
  /** Which one the daemon is started from the next time; the current one at first. */
  choose(daemon: Daemon, release: Release): void
  /** Its program, by a path that stays. */
  mainOf(daemon: Daemon): string
}

/** Everything is below `directory`. The packages are the working tree's. */
export function makeReleases(directory: string): Releases {
  const trees = { earlier: join(directory, 'earlier'), current: root }
  mkdirSync(trees.earlier)
  const missing = unpackEarlier(trees.earlier)
  if (missing) {
    const copied = ['cli', 'services', 'shared', 'package.json'].map((name) => join(root, name))
    execFileSync('cp', ['-a', ...copied, trees.earlier])
  }
  symlinkSync(join(root, 'node_modules'), join(trees.earlier, 'node_modules'))
  const placeOf = (daemon: Daemon) => join(directory, `release-of-${daemon}`)
  return {
    trees,
    ...(missing ? { missing } : {}),
    choose(daemon, release) {
      rmSync(placeOf(daemon), { force: true })
      symlinkSync(trees[release], placeOf(daemon))
    },
    mainOf: (daemon) => join(placeOf(daemon), 'services', daemon, 'main.ts'),
  }
}

/** Returns why it cannot be had: a copy without the history, or with too little of it and nobody to ask for more. */
function unpackEarlier(to: string): string | undefined {
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', root, ...words], {
      maxBuffer: 256 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
  const unpack = () => {
    const archive = git('archive', earlierCommit, 'cli', 'services', 'shared', 'package.json')
    execFileSync('tar', ['x', '-C', to], { input: archive })
  }
  try {
    unpack()
  } catch {
    try {
      git('fetch', '--quiet', 'origin', earlierCommit)
      unpack()
    } catch (error) {
      return (error as Error).message.split('\n').at(-2) ?? 'unknown'
    }
  }
  return undefined
}
