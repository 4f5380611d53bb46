/** The configuration as the first thing looked at: everything else depends on it. */

import { loadSite } from '../../shared/config/load.ts'
import { ConfigNotFound, findConfigFile } from '../../shared/config/read/find.ts'
import { ConfigError } from '../../shared/config/read/problem.ts'
import type { Site } from '../../shared/config/site.ts'
import { type Finding, ok, problem, warning } from './check.ts'

const about = 'config'

/** The site, where there is one, and what was found on the way to it. */
export function readConfiguration(file: string | undefined): {
  site: Site | undefined
  findings: readonly Finding[]
} {
  try {
    const { site, warnings } = loadSite(findConfigFile(file))
    const fine = ok(about, `${site.file}: ${site.entries.length} services`)
    const unwell = `${warnings.length === 1 ? 'one thing is' : `${warnings.length} things are`} unused or doubtful`
    const doubts = warnings.length > 0 ? [warning(about, unwell, 'see "managed-tokens config check"')] : []
    return { site, findings: [fine, ...doubts] }
  } catch (error) {
    if (error instanceof ConfigNotFound)
      return nothing(
        `none in ${error.directories.join(', ')}`,
        'put one there, or name it with --config FILE',
      )
    if (!(error instanceof ConfigError)) throw error
    const errors = error.problems.filter(({ severity }) => severity === 'error')
    const [first] = errors
    const more = errors.length > 1 ? `, and ${errors.length - 1} more` : ''
    const where = first ? `${first.file}:${first.line}:${first.column}: ${first.message}` : error.message
    return nothing(`${where}${more}`, 'correct it; "managed-tokens config check" shows all')
  }
}

const nothing = (says: string, fix: string) => ({ site: undefined, findings: [problem(about, says, fix)] })
