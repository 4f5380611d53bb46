/** What the schedule does at its time: one run of everything, unless the last one of everything is still going on. */
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import { decodeTime } from 'ulid'
import { listKeys } from '../../../shared/bus/read-bucket.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import type { Site } from '../../../shared/config/site.ts'
import { isRunId } from '../../../shared/contracts/run-id.ts'
import { findRevocation, type RevokedList } from '../../../shared/work/revoked.ts'
import { beginWith, type Firing } from '../schedule/keep-schedule.ts'
import { ledgerHead } from './joined.ts'
import { mintRunId } from './mint-run-id.ts'
import { type RunDeps, startRun } from './run-request.ts'

/** Older runs are not looked at: their deadline has passed, whatever clock they were planned by (milliseconds). */
const lookBackMs = 2 * 60 * 60_000

/** Acts on a firing. Taken over from a replica that died, it goes on with the run id that was minted there. */
export async function startScheduledRun(firing: Firing, deps: RunDeps, log: Logger): Promise<void> {
  const overlap = firing.begun
    ? undefined
    : await findUnfinishedFullRun(deps.freshSite(), deps.runs, Date.now(), await deps.revoked())
  if (overlap) {
    log.warn(
      { due: firing.due, unfinished: overlap },
      'skipped a scheduled run: the last one is not finished',
    )
    return
  }
  const { run, entries, revoked } = await startRun({}, 'schedule', deps, () =>
    beginWith(firing, () => mintRunId(deps.runs)),
  )
  log.info(
    { run, due: firing.due, entries: entries.length, ...(revoked && { leftAlone: revoked }) },
    'the schedule started a run',
  )
}

/** The run of every entry, with all it does, that is neither finished nor past its deadline. */
export async function findUnfinishedFullRun(
  { entries, timeouts }: Pick<Site, 'entries' | 'timeouts'>,
  runs: KV,
  now: number,
  revoked: RevokedList = { services: [] },
): Promise<string | undefined> {
  const oldest = now - Math.max(lookBackMs, timeouts.globalMs)
  for (const key of await listKeys(runs, '*')) {
    if (!isRunId(key) || decodeTime(key) < oldest) continue
    const { value: head } = await readValue(runs, key, ledgerHead)
    if (!head || head.finished || !head.mode.push || !head.mode.notify) continue
    const inRun = new Set(head.entries)
    const isFull = entries.every(({ name, service }) => inRun.has(name) || findRevocation(revoked, service))
    if (isFull && Date.parse(head.deadline ?? '') > now) return head.run
  }
  return undefined
}
