/** A loopback address that swallows SYNs, as a node that is off or behind a firewall does: connecting to it neither succeeds nor fails. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { NodeAddress } from './nodes.ts'

/** Linux takes one connection more than the backlog; of whatever comes after that it drops the SYN. */
const backlog = 1

/** Listens in a thread that never accepts, and fills its queue. Disposing frees the port: it refuses connections again. */
export async function startBlackHole({
  address,
  port,
}: Pick<NodeAddress, 'address' | 'port'>): Promise<AsyncDisposable> {
  const worker = new Worker(new URL('./black-hole-worker.ts', import.meta.url), {
    workerData: { address, port, backlog },
  })
  await once(worker, 'message')
  const fillers = Array.from({ length: backlog + 1 }, () => connect(port, address))
  // Reset when the listener goes.
  for (const filler of fillers) filler.on('error', () => undefined)
  await Promise.all(fillers.map((filler) => once(filler, 'connect')))
  return {
    async [Symbol.asyncDispose]() {
      await worker.terminate()
      for (const filler of fillers) filler.destroy()
    },
  }
}
