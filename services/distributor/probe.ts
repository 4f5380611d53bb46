/** Opens a TCP connection to a node's ssh port and waits for the greeting: cheap, and it tells a dead node from a slow one. */
import { connect } from 'node:net'
import type { ReasonCode } from '../../shared/errors.ts'
import type { SshTarget } from './ssh-target.ts'

/** Where a node can be. */
export type ProbeTarget = Pick<SshTarget, 'host' | 'port'>

/** Two answers of one probe: undefined is a yes, and a reason code why not. Neither rejects. */
export interface Probe {
  /** The machine takes the connection. */
  readonly connected: Promise<ReasonCode | undefined>
  /** sshd speaks: an open port alone may be that of a machine that hangs. */
  readonly greeted: Promise<ReasonCode | undefined>
}

const reasonOf: Readonly<Record<string, ReasonCode>> = {
  ECONNREFUSED: 'connection-refused',
  ENOTFOUND: 'node-unknown',
  EAI_AGAIN: 'node-unknown',
}

/** Asks once, for at most `timeoutMs`. */
export function probe({ host, port }: ProbeTarget, timeoutMs: number): Probe {
  const connected = Promise.withResolvers<ReasonCode | undefined>()
  const greeted = Promise.withResolvers<ReasonCode | undefined>()
  const socket = connect({ host, port })
  let isConnected = false
  const end = (code: ReasonCode | undefined) => {
    clearTimeout(deadline)
    connected.resolve(code)
    greeted.resolve(code)
    socket.destroy()
  }
  const deadline = setTimeout(() => end('node-unreachable'), timeoutMs)
  socket.once('connect', () => {
    isConnected = true
    connected.resolve(undefined)
  })
  socket.once('data', () => end(undefined))
  // It hung up: somebody is there, and sshd alone can say what it does not like.
  socket.once('end', () => end(undefined))
  socket.once('error', ({ code }: NodeJS.ErrnoException) =>
    end(isConnected ? undefined : (reasonOf[code ?? ''] ?? 'node-unreachable')),
  )
  return { connected: connected.promise, greeted: greeted.promise }
}
