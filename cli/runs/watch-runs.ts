/** Looks on while runs go, from the request or from the middle, and prints how they ended. */
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RunAnswer, RunRequest } from '../../services/refresher/start-run/run-request.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { requests } from '../../shared/contracts/subjects.ts'
import { ask } from '../bus/connection.ts'
import { type Progress, showProgress } from '../terminal/progress.ts'
import { listenForRuns, type RunFollower } from './follow-run.ts'
import { renderRun } from './run-table.ts'
import { awaitWholeStatus } from './whole-status.ts'

/** Starts a run and looks on until it has ended. Exit code 0 with everything done, else 1. */
export async function startAndWatch(
  bus: Bus,
  request: Partial<RunRequest>,
  json: boolean | undefined,
): Promise<number> {
  // Before the run is asked for, so that nothing of it is missed.
  using follower = listenForRuns(bus)
  const asked = await ask<RunAnswer>(bus, requests.run, request)
  return await showToTheEnd(bus, asked, follower, { json, announce: describeRun(asked) })
}

/** Follows runs, prints how they ended, and gives the exit code. Ctrl-C ends the looking on, not the run. */
export async function showToTheEnd(
  bus: Bus,
  asked: RunAnswer,
  follower: RunFollower,
  { json, announce }: { json?: boolean | undefined; announce?: string },
): Promise<number> {
  const progress = showProgress(json ? { write: () => true } : process.stderr, Date.now())
  const giveUp = () => {
    progress.done()
    process.stderr.write(
      `Not looking on any more; the run goes on. Come back with: managed-tokens status --watch --run ${asked.run}\n`,
    )
    process.exit(130)
  }
  process.once('SIGINT', giveUp)
  // Only now: whoever reads this may already press Ctrl-C.
  if (announce && !json) progress.say(announce)
  try {
    const statuses = await watchRuns(bus, asked, follower, progress)
    for (const status of statuses)
      process.stdout.write(json ? `${JSON.stringify(status)}\n` : `${renderRun(status)}\n`)
    return statuses.some(hasFailed) ? 1 : 0
  } finally {
    process.off('SIGINT', giveUp)
  }
}

/**
 * Follows whichever run has the entries: those that ours has joined, ours, and then the newer ones that took entries over
 * from it. Returns the ledger of each.
 */
export async function watchRuns(
  bus: Bus,
  asked: RunAnswer,
  follower: RunFollower,
  progress: Progress = showProgress(process.stderr, Date.now()),
): Promise<readonly RunStatus[]> {
  const joined = [...new Set(Object.values(asked.joined))]
  const runs = asked.entries.length > 0 || joined.length === 0 ? [...joined, asked.run] : joined
  const statuses: RunStatus[] = []
  for (let one = runs.shift(); one !== undefined; one = runs.shift()) {
    for await (const news of follower.follow(one, progress.say)) progress.news(news)
    progress.done()
    const status = await awaitWholeStatus(bus, one)
    statuses.push(status)
    const newest = status.totals.superseded > 0 ? (await awaitWholeStatus(bus, undefined)).run : one
    if (newest > one && !runs.includes(newest)) {
      progress.say(`Run ${newest} has taken over what this one had not begun.`)
      runs.push(newest)
    }
  }
  return statuses
}

/** The same for a caller that has started one run alone, which nothing takes over. */
export async function watchRun(...following: Parameters<typeof watchRuns>): Promise<RunStatus> {
  return (await watchRuns(...following)).at(-1) as RunStatus
}

/** Whether some target was not served. */
export const hasFailed = ({ totals }: RunStatus) => totals.failed + totals.unfinished > 0

/** Names in one line that somebody reads. */
const mostNames = 100

/** Which entries a run has, and which are left to another. */
export function describeRun({ run: id, entries, joined, more = 0, revoked = {} }: RunAnswer): string {
  const count = entries.length + more
  const shown = entries.slice(0, mostNames).join(', ')
  const rest = count > mostNames ? ` and ${count - mostNames} more` : ''
  const lines = [
    `Run ${id}: ${count} ${count === 1 ? 'entry' : 'entries'}${count > 0 ? ` (${shown}${rest})` : ''}`,
  ]
  for (const [entry, other] of Object.entries(joined))
    lines.push(`${entry} is left to the fuller run ${other}.`)
  for (const [entry, why] of Object.entries(revoked)) lines.push(`${entry} is left alone: ${why}.`)
  return lines.join('\n')
}
