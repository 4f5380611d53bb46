/** Keeps a bounded part of what a command says, whatever it says. */
import type { Readable } from 'node:stream'

/** What is kept of the beginning, and as much of the end (characters). */
const keptOutput = 32 * 1024

/** Reads to the end, so that the child never blocks. The beginning and the end are kept; what is left out is marked. */
export function keepText(stream: Readable): () => string {
  let start = ''
  const last: string[] = []
  let lastLength = 0
  let isCut = false
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const room = keptOutput - start.length
    start += chunk.slice(0, room)
    if (chunk.length <= room) return
    last.push(chunk.slice(room))
    lastLength += chunk.length - room
    // Whole chunks go while the others are enough.
    for (let [first = ''] = last; lastLength - first.length >= keptOutput; [first = ''] = last) {
      isCut = true
      lastLength -= first.length
      last.shift()
    }
  })
  return () => {
    const end = last.join('')
    return isCut || lastLength > keptOutput ? `${start}\n…\n${end.slice(-keptOutput)}` : start + end
  }
}
