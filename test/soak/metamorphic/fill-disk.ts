/** A disk that is full: somebody's file takes all the room there is. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Returns what makes room again. */
export function fillDisk(directory: string): () => void {
  const filler = join(directory, 'filler')
  for (const size of [64, 4, 1])
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size * 1024), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  return () => rmSync(filler, { force: true })
}
