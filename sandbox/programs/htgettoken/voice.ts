/** What htgettoken says and where: progress and causes to the log, errors to standard error, and with `-q` nothing. */
import { print } from '../program.ts'
import type { Options } from './options.ts'

export interface Voice {
  /** Always, whatever the options. */
  log(line: string): void
  /** With `-v`. */
  detail(line: string): void
  /** With `-d`; may hold tokens, as it does in the real program. */
  debug(line: string): void
  /** With neither `-q` nor `-v`; `…` begins a line that {@link Voice.ended} ends. */
  progress(line: string): void
  ended(how: 'succeeded' | 'failed' | 'done'): void
}

/** The log is standard output, unless a token or URL is to be read from there. */
export function createVoice(options: Options): Voice {
  const log = options.vaultTokenFile !== '/dev/stdout' && !options.showBearerUrl ? 1 : 2
  const shows = !options.quiet && !options.verbose
  const line = (text: string) => print(log, `${text}\n`)
  return {
    log: line,
    detail: (text) => options.verbose && line(text),
    debug: (text) => options.debug && line(text),
    progress: (text) => shows && print(log, text.endsWith('...') ? text : `${text}\n`),
    ended: (how) => shows && line(` ${how}`),
  }
}
