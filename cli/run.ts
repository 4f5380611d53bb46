/** `managed-tokens run`: asks for a run, and with `--watch` follows it to its end. */

import type { RunStatus } from '../services/notifier/status-request.ts'
import type { RunAnswer } from '../services/refresher/run-request.ts'
import type { Bus } from '../shared/bus.ts'
import { requests } from '../shared/subjects.ts'
import { ask, type ConnectionOptions, connectOperator } from './connection.ts'
import { listenForRuns } from './follow-run.ts'
import { showProgress } from './progress.ts'
import { renderRun } from './run-table.ts'
import { readWholeStatus } from './status.ts'

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
  await using bus = await connectOperator(options)
  using follower = listenForRuns(bus)
  const asked = await ask<RunAnswer>(bus, requests.run, {
    ...(options.experiment ? { experiment: options.experiment } : {}),
    ...(options.service ? { services: options.service } : {}),
    push: options.push,
    notify: options.notify,
  })
  if (!options.watch) {
    process.stdout.write(options.json ? `${JSON.stringify(asked)}\n` : `${describe(asked)}\n`)
    return 0
  }
  if (!options.json) process.stderr.write(`${describe(asked)}\n`)
  const status = await watchRun(bus, asked, follower, options.json ?? false)
  process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : `${renderRun(status)}\n`)
  return status.totals.failed + status.totals.unfinished > 0 ? 1 : 0
}

/** Follows whichever run has the entries: ours, then those that ours has joined. Returns the ledger of the last. */
export async function watchRun(
  bus: Bus,
  asked: RunAnswer,
  follower: ReturnType<typeof listenForRuns>,
  quiet = false,
): Promise<RunStatus> {
  const runs = [
    ...new Set([...Object.values(asked.joined), ...(asked.entries.length > 0 ? [asked.run] : [])]),
  ]
  let status: RunStatus | undefined
  for (const one of runs.length > 0 ? runs : [asked.run]) {
    const progress = showProgress(quiet ? { write: () => true } : process.stderr, Date.now())
    for await (const news of follower.follow(one)) progress.news(news)
    progress.done()
    status = await readWholeStatus(bus, one)
  }
  return status as RunStatus
}

function describe({ run, entries, joined }: RunAnswer): string {
  const lines = [
    `Run ${run}: ${entries.length} ${entries.length === 1 ? 'entry' : 'entries'} (${entries.join(', ')})`,
  ]
  for (const [entry, other] of Object.entries(joined))
    lines.push(`${entry} is left to the fuller run ${other}.`)
  return lines.join('\n')
}
