/** Starts a run of the entries whose nodes' bearer tokens would end before the next scheduled run; looked for once a minute. */
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import type { Bus } from '../../../shared/bus/connect.ts'
import { readValue } from '../../../shared/bus/read-value.ts'
import type { Site } from '../../../shared/config/site.ts'
import { tokenReady } from '../../../shared/contracts/messages.ts'
import { refreshSubject, streams } from '../../../shared/contracts/subjects.ts'
import { type TargetRecord, targetRecord } from '../../../shared/work/target-record.ts'
import { mintRunId } from '../start-run/mint-run-id.ts'
import { type RunDeps, startRun } from '../start-run/run-request.ts'
import { beginWith, type Firing } from './keep-schedule.ts'

/** Whether anybody has to look at all: a site that starts its runs itself renews its bearer tokens itself. Pure. */
export const renewalCron = ({ schedule, entries }: Pick<Site, 'schedule' | 'entries'>): string | false =>
  schedule.cron !== false && entries.some(({ deliver }) => deliver.bearers.length > 0) ? '* * * * *' : false

/** Acts on a firing: one run of all entries that are due, or none. Taken over, it goes on with the run id that was minted. */
export async function startRenewal(
  firing: Firing,
  { targets, ...deps }: RunDeps & { readonly targets: KV },
  log: Logger,
): Promise<void> {
  const services = await findDue(deps.freshSite(), targets, deps.bus, Date.now())
  if (services.length === 0) return
  const { run } = await startRun({ services }, 'schedule', deps, () =>
    beginWith(firing, () => mintRunId(deps.runs)),
  )
  log.info({ run, entries: services }, 'bearer tokens are renewed')
}

/** What waits in the queue already, such as an earlier renewal behind a long run, is not asked for again. */
async function findDue(
  { entries }: Pick<Site, 'entries'>,
  targets: KV,
  bus: Pick<Bus, 'lastMessage'>,
  nowMs: number,
): Promise<string[]> {
  const due: string[] = []
  for (const entry of entries) {
    if (entry.deliver.bearers.length === 0) continue
    const subject = refreshSubject(entry)
    const { value: record } = await readValue(targets, subject, targetRecord)
    if (!record || !isDue(record, nowMs)) continue
    if ((await bus.lastMessage(streams.refresh, subject)) === null) due.push(entry.name)
  }
  return due
}

/**
 * Is it time? Where a refresh is under way or has failed there is nothing to add; where the last one left the nodes alone,
 * what lies there is older than it looks. Pure.
 */
export function isDue({ run, ended }: Pick<TargetRecord, 'run' | 'ended'>, nowMs: number): boolean {
  if (ended?.kind !== 'done' || ended.run !== run) return false
  const ready = tokenReady.safeParse(ended.messages[0]?.body).data
  if (!ready?.renewAt) return false
  return !ready.mode.push || Date.parse(ready.renewAt) <= nowMs
}
