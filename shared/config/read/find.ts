/** Where the configuration is looked for when nobody names it: the predecessor's places, in its order. */
import { statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Environment, environment } from '../environment.ts'

/** The first that is there counts. */
export const configNames = ['managedTokens.yml', 'managedTokens.yaml', 'managedTokens.json'] as const

/** Nothing was found. The message says where it was looked for and what to do. */
export class ConfigNotFound extends Error {
  override readonly name = 'ConfigNotFound'
  readonly directories: readonly string[]
  constructor(directories: readonly string[]) {
    super(
      `no configuration found: looked for ${configNames.join(', ')} in ${directories.join(', ')}. ` +
        'Put one there, or name it with --config FILE.',
    )
    this.directories = directories
  }
}

/** The directories searched, in order. */
export function searchPath(variables: Environment = environment, workingDirectory = '.'): readonly string[] {
  const own = variables.HOME ? [join(variables.HOME, '.managed-tokens')] : []
  return ['/etc/managed-tokens', ...own, workingDirectory]
}

/** `explicit` as it is (reading it says what is wrong with it), else the first file found. Throws {@link ConfigNotFound}. */
export function findConfigFile(explicit?: string, directories: readonly string[] = searchPath()): string {
  if (explicit !== undefined) return explicit
  const candidates = directories.flatMap((directory) => configNames.map((name) => join(directory, name)))
  const found = candidates.find(isThere)
  if (found === undefined) throw new ConfigNotFound(directories)
  return found
}

/** A file that may not be looked at counts as there: the next one would be used in its place without a word. */
function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false
  } catch {
    return true
  }
}

/** The names that the predecessor's reader knows, in its order; it reads more formats than are read here. */
const predecessorsOrder = ['json', 'toml', 'yaml', 'yml'].map((ending) => `managedTokens.${ending}`)

/** The file beside this one that the predecessor would read in its place; undefined where there is none. */
export function preferredByPredecessor(file: string): string | undefined {
  const place = predecessorsOrder.indexOf(basename(file))
  return predecessorsOrder
    .slice(0, Math.max(place, 0))
    .map((name) => join(dirname(file), name))
    .find(isThere)
}

/** Two files that may say two things: which one counts where. */
export const twoFiles = (file: string, other: string) =>
  `${file} is read and ${other} beside it is not, while the predecessor reads ${basename(other)} and not ${basename(file)} — expected only one of them, or the same in both`
