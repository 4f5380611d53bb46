/** Where the configuration is looked for when nobody names it: the predecessor's places, in its order. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Environment, environment } from './environment.ts'

const names = ['managedTokens.yml', 'managedTokens.yaml', 'managedTokens.json']

/** Nothing was found. The message says where it was looked for and what to do. */
export class ConfigNotFound extends Error {
  override readonly name = 'ConfigNotFound'
  readonly directories: readonly string[]
  constructor(directories: readonly string[]) {
    super(
      `no configuration found: looked for ${names.join(', ')} in ${directories.join(', ')}. ` +
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
  const candidates = directories.flatMap((directory) => names.map((name) => join(directory, name)))
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
