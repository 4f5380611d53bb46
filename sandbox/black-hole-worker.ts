/** The thread of a black hole: says when it listens, and then sleeps for ever, so that nobody accepts what comes. */
import { createServer } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

const { address: host, port, backlog } = workerData as { address: string; port: number; backlog: number }

createServer().listen({ host, port, backlog }, () => {
  parentPort?.postMessage('listening')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
