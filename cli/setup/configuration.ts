/** The configuration of a machine as setup finds it: its text, what it says, and where it is made from. */
import { join } from 'node:path'
import { loadSiteFrom } from '../../shared/config/load.ts'
import { configNames } from '../../shared/config/read/find.ts'
import { ConfigError, formatProblem } from '../../shared/config/read/problem.ts'
import type { Site } from '../../shared/config/site.ts'
import type { Machine } from './machine.ts'
import { settings } from './places.ts'

export interface Configuration {
  readonly file: string
  readonly text: string
  /** The jsonnet that it is made from, whose next `make` would undo what is changed here. */
  readonly madeFrom?: string
  /** Absent where the file is refused. */
  readonly site?: Site
  /** Why it is refused; empty where it is not. */
  readonly problems: readonly string[]
}

/** The first of the names that is there. */
export function findConfiguration(machine: Machine): Configuration | undefined {
  for (const name of configNames) {
    const file = join(settings, name)
    const text = machine.read(file)
    if (text !== undefined) return { file, text, ...made(machine, name), ...readSite(file, text) }
  }
  return undefined
}

function made(machine: Machine, name: string): Pick<Configuration, 'madeFrom'> {
  const source = join(settings, name.replace(/\.\w+$/, '.jsonnet'))
  return machine.stat(source) ? { madeFrom: source } : {}
}

function readSite(file: string, text: string): Pick<Configuration, 'site' | 'problems'> {
  try {
    return { site: loadSiteFrom(file, Buffer.from(text)).site, problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return {
      problems: error.problems.filter(({ severity }) => severity === 'error').map(formatProblem),
    }
  }
}
