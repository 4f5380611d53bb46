/** Far ends of telemetry: one that works, nobody there, one that never answers, one that takes and gives a byte a second. */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { chooseLoopback } from '../free-port.ts'

export interface FarEnd extends AsyncDisposable {
  /** `<loopback address>:<port>`. */
  readonly host: string
}

/** Takes everything at once. */
export const working = (): Promise<FarEnd> =>
  open(
    createHttpServer((request, response) => {
      request.resume().once('end', () => response.end('{}'))
    }),
  )

/** Nobody listens there: a port that was free on everybody's address may be somebody's a moment later. */
export async function nobody(): Promise<FarEnd> {
  return { host: `${chooseLoopback()(0)}:9`, async [Symbol.asyncDispose]() {} }
}

/** Accepts, reads nothing more, and never says a word. */
export const hanging = (): Promise<FarEnd> => listen((socket) => void socket.pause())

/** Reads a byte a second and answers in the same way. */
export const slow = (): Promise<FarEnd> =>
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

const listen = (onSocket: (socket: Socket) => void): Promise<FarEnd> => open(createServer(onSocket))

async function open(server: Server): Promise<FarEnd> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
