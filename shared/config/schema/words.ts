/** Options written as one text (`sshOptions`, `fileCopierOptions`), split into words once, when the file is loaded. */
import { parseArgsStringToArgv } from 'string-argv'

/** The words of `text`, quotes taken off; `undefined` when a quote is left open. Nothing is expanded. */
export function splitWords(text: string): readonly string[] | undefined {
  let open = ''
  for (const char of text) {
    if (open) open = char === open ? '' : open
    else if (char === '"' || char === "'") open = char
  }
  return open ? undefined : parseArgsStringToArgv(text)
}
