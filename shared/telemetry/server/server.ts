/**
 * Serves `/metrics` for Prometheus, `/healthz` (alive) and `/readyz` (able to work): on `telemetry.metricsPort` for the
 * refresher, and one more for each daemon after it.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { Site } from '../../config/site.ts'
import { type Daemon, daemons } from '../../contracts/subjects.ts'
import { version } from '../../release/version.ts'
import { readReadiness } from '../health.ts'
import { watchEventLoop } from '../metrics/event-loop.ts'
import { contentType, scrape } from '../metrics/scrape.ts'
import { boundConnections } from './bound-connections.ts'

// Not by `import`, which would evaluate every export of node:http: see `shared/vault/texts.ts`.
const { createServer } = process.getBuiltinModule('node:http')

export interface TelemetryServer extends AsyncDisposable {
  /** Undefined where it does not listen. */
  readonly port?: number
}

/** Starts listening where a port is configured; 0 takes a free one. A port that is taken is warned of: the daemon works without. */
export async function serveTelemetry(
  daemon: Daemon,
  site: () => Pick<Site, 'entries' | 'telemetry'>,
  log: Logger,
): Promise<TelemetryServer> {
  const { metricsHost, metricsPort } = site().telemetry
  if (metricsPort === undefined) return { async [Symbol.asyncDispose]() {} }
  const readMetrics = shareReading(() => scrape(site()))
  const server = createServer({ connectionsCheckingInterval: 1_000 }, (asked, answer) => {
    const path = asked.url?.split('?')[0]
    if (path === '/metrics') void sendMetrics(answer, readMetrics)
    else if (path === '/healthz') sendJson(answer, 200, { alive: true, daemon, version })
    else if (path === '/readyz') sendReadiness(answer, daemon)
    else answer.writeHead(404).end('Here are /metrics, /healthz and /readyz.\n')
  })
  boundConnections(server)
  const port = metricsPort === 0 ? 0 : metricsPort + daemons.indexOf(daemon)
  try {
    server.listen(port, metricsHost)
    await once(server, 'listening')
  } catch (error) {
    log.warn(
      { host: metricsHost, port, reason: (error as NodeJS.ErrnoException).code },
      'no metrics and no health checks: another process has the port, or the address is not ours; change telemetry.metricsPort or metricsHost',
    )
    return { async [Symbol.asyncDispose]() {} }
  }
  watchEventLoop()
  server.unref()
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** One reading at a time, which all who ask meanwhile get. */
function shareReading(read: () => Promise<string>): () => Promise<string> {
  let underWay: Promise<string> | undefined
  return () => {
    underWay ??= read().finally(() => {
      underWay = undefined
    })
    return underWay
  }
}

async function sendMetrics(answer: ServerResponse, read: () => Promise<string>): Promise<void> {
  try {
    const text = await read()
    answer.writeHead(200, { 'Content-Type': contentType }).end(text)
  } catch {
    answer.writeHead(500).end()
  }
}

function sendReadiness(answer: ServerResponse, daemon: Daemon): void {
  const readiness = readReadiness()
  sendJson(answer, readiness.ready ? 200 : 503, { daemon, version, ...readiness })
}

function sendJson(answer: ServerResponse, status: number, body: object): void {
  answer.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
