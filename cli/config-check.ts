/** `managed-tokens config check [FILE]`: everything that is wrong with a configuration, in one go, without starting anything. */
import { loadTemplates } from '../services/notifier/digest/templates.ts'
import { loadSite } from '../shared/config/load.ts'
import { ConfigError, formatProblem, type Problem } from '../shared/config/read/problem.ts'

export interface CheckResult {
  /** 0: fine, warnings or not; 2: the daemons would refuse this file. */
  readonly exitCode: 0 | 2
  readonly text: string
  readonly json: {
    readonly file: string
    readonly fine: boolean
    /** Absent when the file is wrong. */
    readonly entries?: readonly string[]
    readonly problems: readonly Problem[]
  }
}

/** Checks `file`. Never throws for what is in the file, nor for its absence. */
export function checkConfig(file: string): CheckResult {
  try {
    const { site, warnings: ofFile } = loadSite(file)
    const warnings = [...ofFile, ...loadTemplates(site.notifier.templates).problems]
    const summary = `${plural(site.entries.length, 'entry', 'entries')}, ${counts(warnings)}: fine`
    return {
      exitCode: 0,
      text: show(warnings, summary),
      json: { file, fine: true, entries: site.entries.map(({ name }) => name), problems: warnings },
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    return {
      exitCode: 2,
      text: show(
        problems,
        `${counts(problems)}: daemons would refuse this file. Correct the errors and check again.`,
      ),
      json: { file, fine: false, problems },
    }
  }
}

const show = (problems: readonly Problem[], summary: string) =>
  [...problems.map(formatProblem), summary].join('\n')

const plural = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`

function counts(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  return `${plural(errors, 'error')}, ${plural(problems.length - errors, 'warning')}`
}
