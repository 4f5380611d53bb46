/** Files `<n>.<ending>` in a directory, one per message received; whoever sees a name sees the whole file. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Answers a function that writes the next file and returns its path. */
export function numberFiles(directory: string, ending: string): (content: string | Buffer) => string {
  mkdirSync(directory, { recursive: true })
  let count = 0
  return (content) => {
    const file = join(directory, `${++count}.${ending}`)
    writeFileSync(`${file}.part`, content)
    renameSync(`${file}.part`, file)
    return file
  }
}
