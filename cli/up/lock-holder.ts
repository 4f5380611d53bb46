/** Who holds a file lock, for the message to a person whose second server was refused. */
import { readFile, stat } from 'node:fs/promises'

/** "process 123 (nats-server), started by process 100", or "another process" when the kernel does not tell. */
export async function describeLockHolder(lockFile: string): Promise<string> {
  try {
    const { ino } = await stat(lockFile)
    const locks = await readFile('/proc/locks', 'utf8')
    // "1: FLOCK  ADVISORY  WRITE 123 08:01:4711 0 EOF"
    const held = locks.split('\n').find((line) => line.includes(' FLOCK ') && line.includes(`:${ino} `))
    const pid = held?.trim().split(/\s+/)[4]
    if (!pid || Number(pid) <= 0) return 'another process'
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const field = (name: string) => status.match(new RegExp(`^${name}:\\s*(.*)$`, 'm'))?.[1]
    return `process ${pid} (${field('Name')}), started by process ${field('PPid')}`
  } catch {
    return 'another process'
  }
}
