/**
 * Where lines go on this machine: `<directory>/<daemon>.log` or standard output, pretty on a terminal. Written beside the
 * event loop from a bounded buffer: neither a full disk nor a pipe that nobody reads holds up a run.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import pino, { type DestinationStream } from 'pino'
import { controlsShownBut } from '../../contracts/one-sentence.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { openDropCount } from '../exporters/dropped.ts'

/** What waits to be written at most (bytes); lines beyond are dropped and counted. */
const maxLength = 4 * 1024 * 1024
/** How long a flush waits at most (milliseconds). */
const lastChanceMs = 500

export interface LogOutput extends DestinationStream, AsyncDisposable {
  /** Goes on in a new file of the same name: logrotate has moved the old one. Does nothing for standard output. */
  reopen(): void
  /** Ends when all lines so far are written, or after half a second. */
  flush(): Promise<void>
}

export interface OutputOptions {
  /** Absent: standard output. */
  readonly directory?: string | undefined
  readonly pretty?: boolean
}

/**
 * The directory of the configuration, or of systemd's (`LOGS_DIRECTORY`) where that is below it: then each daemon has one that
 * no other may write to.
 */
export function logDirectoryOf(
  configured: string | undefined,
  ofUnit: string | undefined,
): string | undefined {
  return configured !== undefined && ofUnit?.startsWith(`${configured}/`) ? ofUnit : configured
}

/** Opens it. Throws a sentence for people where the file cannot be written. */
export function openLogOutput(daemon: Daemon, { directory, pretty = false }: OutputOptions): LogOutput {
  if (pretty) {
    const stream = pino.transport({ target: 'pino-pretty' })
    return {
      write: (line) => stream.write(forPretty(line)),
      reopen() {},
      async flush() {},
      async [Symbol.asyncDispose]() {},
    }
  }
  const file = directory === undefined ? undefined : checkFile(directory, `${daemon}.log`)
  // Of at least one byte: with none at all, the library would not wait for anything when it is flushed.
  const stream = pino.destination({ dest: file ?? 1, sync: false, minLength: 1, maxLength })
  const countDropped = openDropCount('logs', 'file')
  stream.on('drop', () => countDropped(1))
  // The disk may be full: what waits is tried again with the next line.
  stream.on('error', () => undefined)
  const flush = () =>
    new Promise<void>((end) => {
      setTimeout(end, lastChanceMs).unref()
      stream.flush(() => end())
    })
  return {
    write: (line) => stream.write(line),
    reopen: () => (file === undefined ? undefined : stream.reopen()),
    flush,
    [Symbol.asyncDispose]: flush,
  }
}

const showControls = controlsShownBut(/(?!)/)

/** The library prints texts as they are, not as JSON has them. */
export const forPretty = (line: string) =>
  `${JSON.stringify(JSON.parse(line, (_key, value) => (typeof value === 'string' ? showControls(value) : value)))}\n`

function checkFile(directory: string, name: string): string {
  const file = join(directory, name)
  try {
    mkdirSync(directory, { recursive: true })
    closeSync(openSync(file, 'a'))
    return file
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(
      `the log file ${file} cannot be written (${code}): let this user write to ${directory}, or change logs.token-push.logfile`,
    )
  }
}
