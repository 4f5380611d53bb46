/** The state directory that somebody named, made where it is missing, or a sentence that says why it cannot be one. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { daemons } from '../../shared/contracts/subjects.ts'
import { ensureDaemonState } from '../../shared/daemon/state.ts'
import { UsageError } from '../terminal/errors.ts'

const reasons: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file in its place',
  ENOTDIR: 'there is a file in its place',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'nobody can write there',
  ENOENT: 'no directory can be made there',
}

/** Makes the absolute path `root` and each daemon's directory in it. Throws UsageError with the next step. */
export async function ensureStateRoot(root: string): Promise<void> {
  try {
    await makeWithParents(root)
    for (const daemon of daemons) await ensureDaemonState(root, daemon)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new UsageError(
      `${root} cannot hold the state (${reasons[code] ?? message}): give another directory with --state, or $MANAGED_TOKENS_STATE.`,
    )
  }
}

/** One by one: where no directory can be made, as in /proc, Node's own recursion tries for ever. */
async function makeWithParents(directory: string): Promise<void> {
  if (await isDirectory(directory)) return
  const parent = dirname(directory)
  if (parent !== directory) await makeWithParents(parent)
  try {
    await mkdir(directory, { mode: 0o755 })
  } catch (error) {
    // Somebody may have made it meanwhile.
    if (!(await isDirectory(directory))) throw error
  }
}

const isDirectory = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
