/** Loopback addresses and free ports on them, so that several sandboxes run side by side. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Addresses `127.x.y.1` upwards of a network of this sandbox's own, chosen at random out of sixty thousand. */
export function chooseLoopback(): (index: number) => string {
  const [second, third] = [randomInt(1, 255), randomInt(0, 255)]
  // Above 200 addresses the last byte would run over; the next network is as good.
  return (index) => `127.${second}.${(third + Math.floor(index / 200)) % 256}.${(index % 200) + 1}`
}

/** A TCP port that nobody listens on at this address just now. */
export async function findFreePort(address: string): Promise<number> {
  const server = createServer().listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
