/** What is wrong with a configuration file, and where: all of it at once, each in one line that an editor can follow. */
import { distance } from 'fastest-levenshtein'

export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** The key's place, such as `experiments.dune.roles.production.account`; empty for the whole file. */
  readonly path: string
  readonly message: string
}

/** `file:line:column: error: message` */
export const formatProblem = (problem: Problem) =>
  `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.message}`

/** The file cannot be used. The message is for people, and complete; nothing of it is a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** Errors and warnings, in the file's order. Empty when no file was found. */
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[], message?: string) {
    super(message ?? problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** The candidate nearest to `name`, when it is near enough to be what was meant. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase()
  const limit = Math.max(2, Math.floor(wanted.length / 3))
  let best: string | undefined
  let least = limit + 1
  for (const candidate of candidates) {
    const away = distance(wanted, candidate.toLowerCase())
    if (away < least && away < candidate.length) [best, least] = [candidate, away]
  }
  return best
}
