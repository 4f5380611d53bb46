/** How much lies below a directory. */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes in files. */
export const sizeBelow = (directory: string): number =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((path) => lstatSync(join(directory, path)))
    .reduce((sum, found) => sum + (found.isFile() ? found.size : 0), 0)

export const formatBytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
