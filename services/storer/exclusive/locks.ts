/**
 * The locks of a store on this host: of its lane, of its service, and of its account in the credd. The command itself holds
 * them, so that an orphan of a killed daemon keeps its own work out of every lane, and nothing else.
 */
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import type { Entry } from '../../../shared/config/site.ts'

export interface Lock {
  readonly file: string
  /** flock's exit status where it is held elsewhere. */
  readonly busy: number
}

/** Nothing was done: somebody else on this host holds a lock. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld'
  readonly file: string
  constructor(file: string) {
    super(`${file} is held elsewhere`)
    this.file = file
  }
}

/** Asking for a lock takes no time (milliseconds). */
const probeMs = 5_000

const directoryOf = (lockFile: string) => `${lockFile}.d`

/** Makes the directories that the locks lie in. */
export async function prepareLocks(lockFile: string): Promise<void> {
  await mkdir(dirname(lockFile), { recursive: true, mode: 0o700 })
  await mkdir(directoryOf(lockFile), { recursive: true, mode: 0o700 })
}

/**
 * The first lane has the lock file itself, which every storer of this host user has always held. A lane comes last: it is free
 * for others while what it would be taken for has to wait. Pure.
 */
export function locksOf(
  lockFile: string,
  { service, account }: Pick<Entry, 'service' | 'account'>,
  credd: string,
  lane: number,
): readonly Lock[] {
  const beside = (name: string) => join(directoryOf(lockFile), name)
  return [
    { file: beside(`service-${service}`), busy: 76 },
    { file: beside(`credd-${credd}-${account}`), busy: 77 },
    { file: lane === 1 ? lockFile : beside(`lane-${lane}`), busy: 75 },
  ]
}

/** The words that run a command under all of them, or not at all. Each flock becomes the next program. Pure. */
export const underLocks = (locks: readonly Lock[]): string[] =>
  locks.flatMap(({ file, busy }) => ['flock', '--no-fork', '-n', '-E', String(busy), file])

/** Throws LockHeld where a command under these locks was not run. */
export function mustHaveRun(outcome: CommandOutcome, locks: readonly Lock[]): void {
  const held = outcome.kind === 'exited' && locks.find(({ busy }) => busy === outcome.exitCode)
  if (held) throw new LockHeld(held.file)
}

/** Throws LockHeld while one of them is held elsewhere. */
export async function mustBeUnlocked(locks: readonly Lock[], signal: AbortSignal): Promise<void> {
  const [file = '', ...args] = [...underLocks(locks), 'true']
  const env = commandEnvironment()
  mustHaveRun(await runCommand({ file, args, name: 'flock', env, timeoutMs: probeMs, signal }), locks)
}
