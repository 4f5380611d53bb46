/** Far ends of telemetry that misbehave: nobody there, one that never answers, one that takes and gives a byte a second. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface BadEnd extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
}

/** Nobody listens there. */
export async function nobody(): Promise<BadEnd> {
  await using server = await listen(() => {})
  return { host: server.host, async [Symbol.asyncDispose]() {} }
}

/** Accepts, reads nothing more, and never says a word. */
export const hanging = (): Promise<BadEnd> => listen((socket) => void socket.pause())

/** Reads a byte a second and answers in the same way. */
export const slow = (): Promise<BadEnd> =>
  listen((socket) => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'
    let said = 0
    socket.pause()
    const timer = setInterval(() => {
      socket.read(1)
      if (said < answer.length) socket.write(answer.charAt(said++))
    }, 1_000)
    socket.once('close', () => clearInterval(timer))
  })

async function listen(onSocket: (socket: Socket) => void): Promise<BadEnd> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    onSocket(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
