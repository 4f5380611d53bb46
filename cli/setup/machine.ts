/** What setup sees of a machine, and decides from. Looks, and changes nothing. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { commandEnvironment } from '../../shared/config/environment.ts'

export interface Seen {
  readonly kind: 'file' | 'directory' | 'other'
  readonly uid: number
  readonly gid: number
  /** The twelve bits that chmod sets. */
  readonly mode: number
  /** When its content was changed last, in milliseconds since the epoch. */
  readonly changedMs: number
  /** Its path without symbolic links. */
  readonly path: string
}

export interface Machine {
  readonly hostname: string
  /** Undefined where nothing is there, or nothing that this user may see. */
  stat(path: string): Seen | undefined
  read(path: string): string | undefined
  /** Names in a directory; none where there is no such directory. */
  list(directory: string): readonly string[]
  /** What a program prints, whatever its exit code; undefined where there is no such program. */
  ask(program: string, ...words: string[]): string | undefined
}

const askMs = 10_000

/** The machine that this runs on; with `root`, what lies below that directory in its place. */
export function seeMachine(root = ''): Machine {
  return {
    hostname: hostname(),
    stat: (path) => orUndefined(() => see(root + path)),
    read: (path) => orUndefined(() => readFileSync(root + path, 'utf8')),
    list: (directory) => orUndefined(() => readdirSync(root + directory).sort()) ?? [],
    ask: (program, ...words) => ask(program, words),
  }
}

function see(path: string): Seen {
  const found = statSync(path)
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other'
  const { uid, gid, mode, mtimeMs } = found
  return { kind, uid, gid, mode: mode & 0o7777, changedMs: mtimeMs, path: realpathSync(path) }
}

function ask(program: string, words: readonly string[]): string | undefined {
  const { error, stdout } = spawnSync(program, words, {
    encoding: 'utf8',
    env: { ...commandEnvironment(), PATH: systemPath() },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: askMs,
  })
  return error ? undefined : stdout
}

/** Where administrators' programs are as well, which a user's PATH may not name. */
export const systemPath = () => `${commandEnvironment().PATH}:/usr/sbin:/sbin`

function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
