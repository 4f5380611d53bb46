/** Keeps the connections of an HTTP server few: who comes is served, and who has said nothing for longest has to go. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** More than whoever asks for health and metrics needs, and fewer than a process may have open files. */
const mostConnections = 128
/** A question that is sent for longer is none, and a connection without one is closed (milliseconds). */
const patienceMs = 5_000

/** Bounds how many there are, and how long each may take. To be called before the server listens. */
export function boundConnections(server: Server): void {
  server.headersTimeout = patienceMs
  server.requestTimeout = patienceMs
  server.keepAliveTimeout = patienceMs
  server.timeout = 2 * patienceMs
  // In the order in which they were last heard.
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    if (sockets.size <= mostConnections) return
    const [oldest] = sockets
    if (oldest) sockets.delete(oldest)
    oldest?.destroy()
  })
  server.on('request', ({ socket }) => {
    sockets.delete(socket)
    if (!socket.destroyed) sockets.add(socket)
  })
}
