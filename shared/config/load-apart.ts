/**
 * Loads a large file in a process of its own: to read ten thousand services takes 300 MB for some seconds, which a daemon that
 * goes on would never give back.
 */
// A configuration is loaded without a pause in which something else could happen, and before commands can be run.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { deserialize, serialize } from 'node:v8'
import { type Environment, inheritedEnvironment } from './environment.ts'
import { loadSiteFrom } from './load.ts'
import { ConfigError, type Problem } from './read/problem.ts'
import { freezeDeep } from './resolve/build-site.ts'
import type { Site } from './site.ts'

/** What the other process is given, on its stdin: there may be secrets in it. */
export interface Asked {
  readonly file: string
  readonly bytes: Uint8Array
  readonly variables: Environment
}

export type Answered = { readonly site: Site } | { readonly problems: readonly Problem[] }

/** From here on (bytes). */
const largeFile = 256 * 1024
const longestAnswer = 1024 * 1024 * 1024
const program = fileURLToPath(new URL('load-apart-main.ts', import.meta.url))

/** The site alone, as `loadSiteFrom` makes it. Throws {@link ConfigError}. */
export const loadSmall = (file: string, bytes: Buffer, variables: Environment): Site =>
  bytes.length < largeFile ? loadSiteFrom(file, bytes, variables).site : loadApart(file, bytes, variables)

function loadApart(file: string, bytes: Buffer, variables: Environment): Site {
  const { status, stdout } = spawnSync(process.execPath, [program], {
    input: serialize({ file, bytes, variables } satisfies Asked),
    env: inheritedEnvironment(),
    stdio: ['pipe', 'pipe', 'ignore'],
    maxBuffer: longestAnswer,
  })
  // Where there is no room for another process, there may be for the file.
  if (status !== 0) return loadSiteFrom(file, bytes, variables).site
  const answer = deserialize(stdout) as Answered
  if ('problems' in answer) throw new ConfigError(answer.problems)
  return freezeDeep(answer.site)
}
