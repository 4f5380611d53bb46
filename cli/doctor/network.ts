/** Opening connections just to see what is there. */
import { once } from 'node:events'
import { connect } from 'node:net'

/** Connects, and reads the first line where the server speaks first. Throws what the network says. */
export async function openTcp(
  host: string,
  port: number,
  signal: AbortSignal,
  speaksFirst = false,
): Promise<string> {
  const socket = connect({ host, port })
  const giveUp = () => void socket.destroy(new Error('no answer'))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await once(socket, 'connect')
    if (!speaksFirst) return ''
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    return chunk.toString('latin1').split(/\r?\n/)[0] ?? ''
  } finally {
    signal.removeEventListener('abort', giveUp)
    socket.destroy()
  }
}
