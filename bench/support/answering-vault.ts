/** What a benchmark asks Vault: how long a token lives, over TLS. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Layout } from '../../sandbox/layout.ts'
import { makeTls } from '../../sandbox/tls.ts'

/** Says of every token that it lives for 28 days. */
export async function startVault(layout: Layout): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(await makeTls(layout), (_request, response) =>
    response.end('{"data":{"ttl":2419200}}'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
