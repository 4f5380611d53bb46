/** Finds processes by a variable in their environment: a random id cannot be mistaken, as a reused process id can. */
import { readdir, readFile } from 'node:fs/promises'

/** Kills every process of this user whose environment holds `variable` (`NAME=value`), and returns how many there were. */
export async function killProcessesWith(variable: string): Promise<number> {
  const needle = `\0${variable}\0`
  let killed = 0
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environ = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (!`\0${environ}`.includes(needle)) continue
    try {
      process.kill(Number(pid), 'SIGKILL')
      killed += 1
    } catch {
      // It ended by itself meanwhile, which is what was wanted.
    }
  }
  return killed
}
