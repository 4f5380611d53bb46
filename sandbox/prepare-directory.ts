/** Empties a sandbox's directory, and only a sandbox's: never somebody's files, never under a site that still runs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const markName = 'site.pid'

/**
 * Makes `dir` an empty directory that belongs to this process.
 * @throws Error when it holds something else than a sandbox, or a sandbox that runs, or has a name that no
 *   configuration may hold.
 */
export function prepareDirectory(dir: string): void {
  if (!/^[\w./@%+=:,~-]+$/.test(dir))
    throw new Error(
      `the path "${dir}" has characters that a configuration must not hold: choose another directory`,
    )
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  const mark = join(dir, markName)
  const content = readdirSync(dir)
  if (content.length > 0 && !existsSync(mark))
    throw new Error(`${dir} is not empty and no sandbox: choose another directory, or empty it yourself`)
  const [pid, birth] = existsSync(mark) ? readFileSync(mark, 'utf8').trim().split(' ') : []
  if (pid && birth && birthOf(Number(pid)) === birth)
    throw new Error(`a sandbox runs in ${dir} (process ${pid}): stop it first, or choose another directory`)
  for (const name of content) rmSync(join(dir, name), { recursive: true, force: true })
  writeFileSync(mark, `${process.pid} ${birthOf(process.pid)}\n`)
}

/** Says that no site runs in `dir` any more; its files stay. */
export const leaveDirectory = (dir: string) => writeFileSync(join(dir, markName), '')

/** When a process started, in clock ticks since boot: tells it from a later one with the same id. */
function birthOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
