/** Choosing a TCP port on loopback. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** `wanted` when nobody listens there, else any free port. Somebody may take it before it is used. */
export async function choosePort(wanted: number): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted
}

/** Whether nobody listens on the port now. */
export const isFree = async (port: number): Promise<boolean> => (await tryPort(port)) !== undefined

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  } catch {
    return undefined
  } finally {
    server.close()
  }
}
