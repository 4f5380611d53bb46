/** The server of health and metrics in a process of its own: says its port as a message, and ends with its parent. */
import pino from 'pino'
import { serveTelemetry } from '../../shared/telemetry/server/server.ts'

const server = await serveTelemetry(
  'refresher',
  () => ({ entries: [], telemetry: { metricsPort: 0, metricsHost: '127.0.0.1', traceRatio: 1 } }),
  pino({ level: 'silent' }),
)
process.send?.({ port: server.port })
process.on('disconnect', () => process.exit())
