/**
 * The test files that start nothing, one after the other in this one process: to start a process for each of them takes
 * longer than most of them do. A file that is not listed runs in a process of its own.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const files = readFileSync(join(import.meta.dirname, 'in-one-process.txt'), 'utf8')
  .trim()
  .split('\n')
for (const file of files) await import(join(root, file))
