/**
 * Pipes for a command's output that it can open by name, as `>/dev/stdout` in a script does. What Node gives a child instead
 * is a socket, and that cannot be opened (ENXIO): HTCondor's storer stores nothing then. Nothing of the output is ever in a
 * file: the name that a pipe is made under is gone before it is used.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { execa } from 'execa'

export interface OutputPipe {
  /** The end for the child. */
  readonly childEnd: number
  /** Ends when nobody can write any more; destroying it lets go of whoever still could. */
  readonly output: Readable
  /** To be called when the child has its end. */
  closeChildEnd(): void
}

/** Making a pipe takes a process, so as many are kept for later commands, each by a descriptor of its own. */
const kept: number[] = []
const mostKept = 64

/** Throws a system error, such as EMFILE. */
export async function openOutputPipe(): Promise<OutputPipe> {
  const pipe = kept.pop() ?? (await makePipe())
  const ends: number[] = []
  try {
    // Reading first: without a reader the other end could not be opened.
    for (const how of [constants.O_RDONLY | constants.O_NONBLOCK, constants.O_WRONLY])
      ends.push(openSync(`/proc/self/fd/${pipe}`, how))
  } catch (error) {
    for (const end of [...ends, pipe]) closeSync(end)
    throw error
  }
  const [ourEnd, childEnd] = ends as [number, number]
  return {
    childEnd,
    output: readFrom(ourEnd, pipe),
    closeChildEnd: () => closeSync(childEnd),
  }
}

function readFrom(end: number, pipe: number): Readable {
  const output = new Socket({ fd: end, readable: true, writable: false })
  let isDry = false
  output.once('end', () => {
    isDry = true
  })
  // One that somebody can still write to is never used again: his words would be in another command's mouth.
  output.once('close', () => {
    if (isDry && kept.length < mostKept) kept.push(pipe)
    else closeSync(pipe)
  })
  return output
}

async function makePipe(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'mt-pipe-'))
  try {
    const name = join(directory, 'pipe')
    await execa('/usr/bin/mkfifo', ['-m', '600', name], { env: {}, extendEnv: false })
    return openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
