/** How htgettoken is told of the configured authorities: its --capath takes a directory alone, and a file there trusts nobody. */
import { statSync } from 'node:fs'

/** No words, or one. The system's bundle stays trusted beside a directory, and the grid's directory beside a file. */
export function authorityOption(caPath: string | undefined): string[] {
  if (!caPath) return []
  return [`--${isFile(caPath) ? 'cafile' : 'capath'}=${caPath}`]
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}
