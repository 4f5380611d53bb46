/** What the notifier tells the metrics: when runs end, and how messages to people fare. */
import { performance } from 'node:perf_hooks'
import type { Site } from '../../../shared/config/site.ts'
import { type Notification, runFinished } from '../../../shared/contracts/messages.ts'
import { runSubject } from '../../../shared/contracts/subjects.ts'
import { countAttempt } from '../../../shared/telemetry/metrics/count-attempt.ts'
import {
  adminMessageSeconds,
  adminMessageSent,
  serviceMessageSeconds,
  serviceMessageSent,
} from '../../../shared/telemetry/metrics/kept-metrics.ts'
import { lastRunFinished, runSeconds } from '../../../shared/telemetry/metrics/metrics.ts'
import { timeStage } from '../../../shared/telemetry/metrics/stages.ts'
import { channelsToAdmins } from '../channels/channels-of.ts'
import type { Delivery } from '../channels/delivery.ts'
import type { LedgerStore } from '../ledger/ledger-store.ts'

/** Notes the end of a run; both times RFC 3339. */
export function noteFinished({ started, at }: { readonly started: string; readonly at: string }): void {
  lastRunFinished.set(Date.parse(at) / 1_000)
  runSeconds.set((Date.parse(at) - Date.parse(started)) / 1_000)
}

/** Runs the handler of a fact. That of `run.finished` is what the predecessor called cleaning up. */
export async function measureFact<T>(
  { subject, body }: { readonly subject: string; readonly body: unknown },
  handle: () => Promise<T>,
): Promise<T> {
  const end = subject === runSubject('finished') ? runFinished.safeParse(body).data : undefined
  if (!end) return handle()
  noteFinished(end)
  return timeStage('cleanup', handle)
}

/** A notifier that has just started knows the last run's end from the ledger. */
export async function recallFinished(ledger: Pick<LedgerStore, 'latestRun' | 'readRun'>): Promise<void> {
  const latest = await ledger.latestRun()
  const run = latest ? await ledger.readRun(latest) : undefined
  if (run?.finished) noteFinished({ started: run.started, at: run.finished })
}

/** Times one attempt to deliver a message, and says to whom and how it ended. */
export async function measureDelivery(
  message: Pick<Notification, 'channel' | 'to' | 'rows'>,
  site: Pick<Site, 'notifications' | 'notificationsTest'>,
  send: () => Promise<Delivery>,
): Promise<Delivery> {
  const started = performance.now()
  const delivery = await send()
  const seconds = (performance.now() - started) / 1_000
  const isTaken = delivery.end === 'delivered'
  const success = String(isTaken)
  countAttempt('notify', isTaken ? 'ok' : 'notification-failed')
  if (isForAdmins(message, site)) {
    const notification_type = message.channel
    adminMessageSent.set({ notification_type, success }, Date.now() / 1_000)
    if (isTaken) adminMessageSeconds.set({ notification_type }, seconds)
    return delivery
  }
  for (const service of new Set(message.rows?.map((row) => row.service)))
    if (service) serviceMessageSent.set({ service, success }, Date.now() / 1_000)
  if (isTaken) serviceMessageSeconds.observe(seconds)
  return delivery
}

function isForAdmins(
  message: Pick<Notification, 'channel' | 'to'>,
  site: Pick<Site, 'notifications' | 'notificationsTest'>,
): boolean {
  const channels = [...channelsToAdmins(site, 'admin'), ...channelsToAdmins(site, 'admin_test')]
  return channels.some(({ channel, to }) => channel === message.channel && to === message.to)
}
