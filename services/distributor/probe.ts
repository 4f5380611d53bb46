/** Opens a TCP connection to a node's ssh port and waits for the greeting: cheap, and it tells a dead node from a slow one. */
import { connect } from 'node:net'
import type { ReasonCode } from '../../shared/reasons.ts'
import type { SshTarget } from './ssh-target.ts'

/** Where a node can be. */
export type ProbeTarget = Pick<SshTarget, 'host' | 'port'>

/** What a probe says: undefined is a yes, and a reason code why not. It does not reject. */
export type Answer = ReasonCode | undefined

const reasonOf: Readonly<Record<string, ReasonCode>> = {
  ECONNREFUSED: 'connection-refused',
  ENOTFOUND: 'node-unknown',
  EAI_AGAIN: 'node-unknown',
}

/** Asks once, for at most `timeoutMs`. An open port alone may be that of a machine that hangs: sshd has to speak. */
export function probe({ host, port }: ProbeTarget, timeoutMs: number): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  // As ssh does, it goes on to the name's next address; Node's own quarter of a second is little for a node far away.
  const socket = connect({ host, port, autoSelectFamilyAttemptTimeout: Math.ceil(timeoutMs / 4) })
  let isConnected = false
  const end = (answer: Answer) => {
    clearTimeout(deadline)
    resolve(answer)
    socket.destroy()
  }
  const deadline = setTimeout(() => end('node-unreachable'), timeoutMs)
  socket.once('connect', () => {
    isConnected = true
  })
  socket.once('data', () => end(undefined))
  // It hung up: somebody is there, and sshd alone can say what it does not like.
  socket.once('end', () => end(undefined))
  socket.once('error', ({ code }: NodeJS.ErrnoException) =>
    end(isConnected ? undefined : (reasonOf[code ?? ''] ?? 'node-unreachable')),
  )
  return promise
}
