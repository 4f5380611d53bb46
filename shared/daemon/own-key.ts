/** A secret of a daemon's own, made when it starts for the first time: marks what it writes for itself where others may write. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from './atomic-file.ts'

const bytes = 32

/** Throws the file system's error where it can neither be read nor made. */
export async function readOwnKey(stateDirectory: string): Promise<Uint8Array> {
  const file = join(stateDirectory, 'own.key')
  const kept = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (kept?.length === bytes) return kept
  const made = randomBytes(bytes)
  await writeFileAtomic(file, made)
  return made
}
