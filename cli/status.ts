/** `managed-tokens status`: the ledger of a run, whole. */
import { connectOperator } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'
import { listenForRuns } from './runs/follow-run.ts'
import { renderRun } from './runs/run-table.ts'
import { hasFailed, showToTheEnd } from './runs/watch-runs.ts'
import { readWholeStatus } from './runs/whole-status.ts'

export interface StatusOptions extends ConnectionOptions {
  readonly run?: string
  readonly watch?: boolean
  readonly json?: boolean
}

/** Exit code 1 when a target of the run has failed. */
export async function status(options: StatusOptions): Promise<number> {
  await using bus = await connectOperator(options)
  using follower = listenForRuns(bus)
  const found = await readWholeStatus(bus, options.run)
  if (options.watch && !found.finished)
    return await showToTheEnd(bus, { run: found.run, entries: ['watched'], joined: {} }, follower, options)
  process.stdout.write(options.json ? `${JSON.stringify(found)}\n` : `${renderRun(found)}\n`)
  return hasFailed(found) ? 1 : 0
}
