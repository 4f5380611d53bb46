/** The thread of a token reader: opens the files in turn, again and again, until it is told to stop. */
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { ReaderPlan, Readings } from './token-reader.ts'

const { files, contents, shared } = workerData as ReaderPlan
const wanted = files.map((_, index) => new Set(contents[index]))
/** Whether it shall stop, and how many files it has opened. */
const counters = new Int32Array(shared)
const buffer = Buffer.alloc(64 * 1024)
const seen = new Set<string>()
const wrong: string[] = []

while (Atomics.load(counters, 0) === 0) {
  for (const [index, file] of files.entries()) {
    const opens = Atomics.add(counters, 1, 1) + 1
    const found = readOnce(file)
    if (wanted[index]?.has(found)) seen.add(found)
    else if (wrong.length < 10) wrong.push(`open ${opens} of ${file}: ${describe(found)}`)
  }
}
parentPort?.postMessage({ opens: counters[1] ?? 0, distinct: seen.size, wrong } satisfies Readings)

/** As ifdh or htgettoken read it: one open, and all there is; or the reason why it cannot be opened. */
function readOnce(file: string): string {
  try {
    const descriptor = openSync(file, 'r')
    try {
      return buffer.toString('latin1', 0, readSync(descriptor, buffer))
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

/** Never the content itself: it may be half a token. */
function describe(found: string): string {
  return /^E[A-Z]+$/.test(found) ? found : `${found.length} characters`
}
