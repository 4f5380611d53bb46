/** Finds processes by a variable in their environment: a random id cannot be mistaken, as a reused process id can. */
import { readdir, readFile } from 'node:fs/promises'

/** Kills every process of this user whose environment holds `variable` (`NAME=value`), and returns how many there were. */
export async function killProcessesWith(variable: string): Promise<number> {
  const killed = new Set<string>()
  // One of them may have started another while the others were looked for.
  for (let before = -1; killed.size > before; ) {
    before = killed.size
    for await (const pid of processesWith(variable)) if (kill(pid)) killed.add(pid)
  }
  return killed.size
}

async function* processesWith(variable: string): AsyncGenerator<string> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environ = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (`\0${environ}`.includes(`\0${variable}\0`)) yield pid
  }
}

/** False where it ended by itself meanwhile, which is what was wanted. */
function kill(pid: string): boolean {
  try {
    return process.kill(Number(pid), 'SIGKILL')
  } catch {
    return false
  }
}
