/** The one way from the command line to a terminal: no text of anybody else’s passes as something that the terminal obeys. */
import { controlsShownBut } from '../../shared/contracts/one-sentence.ts'

/** What we write ourselves: line ends, tabs, the colours of `terminal.ts`, and the line that `progress.ts` rewrites. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are our own
const ours = /\n|\t|\u001b\[(?:[12]|22|3[1-39])m|\r\u001b\[K/

/** Text as it may be written to a terminal. JSON stays the same JSON. Pure. */
export const forTerminal = controlsShownBut(ours)

/** From here on everything that is written there passes {@link forTerminal}, whoever writes it. */
export function guardOutput(output: NodeJS.WriteStream): void {
  const write = output.write.bind(output) as (chunk: string | Uint8Array, ...rest: unknown[]) => boolean
  output.write = (chunk: string | Uint8Array, ...rest: unknown[]) =>
    write(typeof chunk === 'string' ? forTerminal(chunk) : chunk, ...rest)
}
