/** `managed-tokens run`: asks for a run, and with `--watch` follows it to its end. */
import type { RunAnswer } from '../services/refresher/start-run/run-request.ts'
import { requests } from '../shared/contracts/subjects.ts'
import { serviceName } from './arguments/find-service.ts'
import { whoAsks } from './arguments/who-asks.ts'
import { ask, connectOperator } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'
import { describeRun, startAndWatch } from './runs/watch-runs.ts'

export interface RunOptions extends ConnectionOptions {
  readonly experiment?: string
  readonly service?: readonly string[]
  readonly push: boolean
  readonly notify: boolean
  readonly watch?: boolean
  readonly json?: boolean
}

/** Exit code 0: asked for, or finished with everything done; 1: something failed. */
export async function run(options: RunOptions): Promise<number> {
  const { experiment, service: services, push, notify, json } = options
  const request = {
    ...(experiment !== undefined && { experiment }),
    ...(services && { services: services.map(serviceName) }),
    push,
    notify,
    by: whoAsks('operator'),
  }
  await using bus = await connectOperator(options)
  // Awaited: the connection would be closed under it otherwise.
  if (options.watch) return await startAndWatch(bus, request, json)
  const asked = await ask<RunAnswer>(bus, requests.run, request)
  process.stdout.write(json ? `${JSON.stringify(asked)}\n` : `${describeRun(asked)}\n`)
  return 0
}
