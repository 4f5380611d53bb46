/** The record of every stand-in call (`calls.jsonl`) and of misuse (`misuse.jsonl`): tests read in it what was done how often, and what must never happen. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Call {
  readonly program: string
  readonly pid: number
  /** Set when another stand-in made the call. */
  readonly caller?: string
  readonly argv: readonly string[]
  /** Only variables that choose behaviour; see `recordedVariables`. */
  readonly env: Readonly<Record<string, string>>
  /** `<issuer>_<role>`, where the call is about one. */
  readonly service?: string
  readonly credd?: string
  /** Milliseconds since the epoch. */
  readonly start: number
  /** Absent when the process was killed, or still runs. */
  readonly end?: number
  readonly exit?: number
}

export interface Misuse {
  readonly at: string
  readonly program: string
  readonly pid: number
  readonly what: string
}

/** What a call's record shows of the environment. None of them holds a secret. */
export const recordedVariables = [
  'CONDOR_VAULT_STORER_ID',
  'CONDOR_VAULT_STORER_USER',
  'CONDOR_CREDENTIAL_STORER_MODE',
  'KRB5CCNAME',
  'KRB5_CONFIG',
  'BEARER_TOKEN_FILE',
  'XDG_RUNTIME_DIR',
  'HOME',
  'HTGETTOKENOPTS',
  '_condor_CREDD_HOST',
  '_condor_COLLECTOR_HOST',
  '_condor_SEC_CREDENTIAL_GETTOKEN_OPTS',
] as const

/** Every call of a stand-in in the sandbox `dir`, in the order in which they began. */
export function readCalls(dir: string): Call[] {
  const calls = new Map<number, Call>()
  const done: Call[] = []
  for (const line of readLines<Partial<Call> & { pid: number }>(join(dir, 'calls.jsonl'))) {
    if (line.end === undefined) {
      calls.set(line.pid, line as Call)
      done.push(line as Call)
    } else {
      Object.assign(calls.get(line.pid) ?? {}, line)
    }
  }
  return done
}

/** What was noticed that must never happen; a sound run leaves none. */
export const readMisuse = (dir: string): Misuse[] => readLines<Misuse>(join(dir, 'misuse.jsonl'))

/** Two storers that ran at the same moment: not misuse where each has names of its own, yet more than one host's lock lets in. */
export interface Together {
  readonly at: string
  readonly pid: number
  readonly other: number
}

/** Storers that met another one in the sandbox `dir`. */
export const readTogether = (dir: string): Together[] => readLines<Together>(join(dir, 'together.jsonl'))

/** One write, so that lines of several processes do not mix. */
export function appendLine(
  dir: string,
  file: 'calls.jsonl' | 'misuse.jsonl' | 'together.jsonl',
  facts: Readonly<Record<string, unknown>>,
): void {
  appendFileSync(join(dir, file), `${JSON.stringify(facts)}\n`)
}

function readLines<T>(file: string): T[] {
  if (!existsSync(file)) return []
  // What comes after the last newline is just being written.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as T)
}
