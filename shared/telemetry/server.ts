/** Serves `/metrics` for Prometheus: `telemetry.metricsPort` for the refresher, and one more for each daemon after it. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { TelemetryConfig } from '../config/sections.ts'
import { type Daemon, daemons } from '../subjects.ts'
import { registry } from './metrics.ts'

/** Starts listening. Throws when the port is taken; port 0 takes a free one. */
export async function serveMetrics(
  daemon: Daemon,
  { metricsHost, metricsPort = 0 }: TelemetryConfig,
): Promise<AsyncDisposable> {
  const server = createServer((asked, answer) => {
    if (asked.url !== '/metrics') {
      answer.writeHead(404).end('Only /metrics is here.\n')
      return
    }
    registry.metrics().then(
      (text) => answer.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      () => answer.writeHead(500).end(),
    )
  })
  server.listen(metricsPort === 0 ? 0 : metricsPort + daemons.indexOf(daemon), metricsHost)
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
