/** The predecessor's lines in cron: when, as whom and how it runs. Pure. */
import type { Program } from '../../arguments/predecessor-flags.ts'

export interface CronJob {
  readonly line: number
  /** Five fields, each without leading zeros. */
  readonly times: string
  readonly user: string
  readonly program: Program
  /** What stands behind the program. */
  readonly words: readonly string[]
  /** Commented out: it does not run. */
  readonly off: boolean
}

export interface CronVariable {
  readonly line: number
  readonly name: string
  readonly value: string
}

export interface Cron {
  readonly jobs: readonly CronJob[]
  readonly variables: readonly CronVariable[]
}

const job = /^(#?)\s*((?:\S+\s+){5})(\S+)\s+(.*?)(?:\S*\/)?(token-push|refresh-uids-from-ferry)\b(.*)$/
const assignment = /^\s*([A-Z_a-z]\w*)\s*=\s*(.*?)\s*$/
/** In front of a program, as `env` or a shell takes it. */
const inFront = /(?:^|\s)([A-Z_]\w*)=("[^"]*"|'[^']*'|\S*)/g

/** A file of /etc/cron.d. */
export function readCron(text: string): Cron {
  const jobs: CronJob[] = []
  const variables: CronVariable[] = []
  for (const [index, row] of text.split('\n').entries()) {
    const line = index + 1
    const [, hash, times = '', user = '', before = '', program, rest = ''] = job.exec(row) ?? []
    if (program && isTimes(times)) {
      const words = commandOf(rest)
      jobs.push({ line, times: plain(times), user, program: program as Program, words, off: hash === '#' })
      for (const [, name = '', value = ''] of before.matchAll(inFront)) variables.push({ line, name, value })
    } else {
      const [, name, value = ''] = assignment.exec(row) ?? []
      if (name) variables.push({ line, name, value })
    }
  }
  return { jobs, variables }
}

const isTimes = (text: string) =>
  text
    .trim()
    .split(/\s+/)
    .every((field) => /^[\d*/,A-Za-z-]+$/.test(field))
const plain = (times: string) =>
  times
    .trim()
    .replaceAll(/\b0+(?=\d)/g, '')
    .split(/\s+/)
    .join(' ')

/** Up to where the shell takes over: redirections, pipes, the next command. */
const commandOf = (rest: string) =>
  (rest.split(/\s*(?:\d?>|[|;&<])/)[0] ?? '')
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')

/** The file that `-c FILE` or `--configfile FILE` names. */
export function configOf({ words }: CronJob): string | undefined {
  const at = words.findIndex((word) => /^(-c|--configfile)(=|$)/.test(word))
  return at < 0 ? undefined : (words[at]?.split('=')[1] ?? words[at + 1])
}
