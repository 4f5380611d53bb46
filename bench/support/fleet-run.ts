/** One run of everything on a fleet, and what it and the questions about it cost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../cli/bus/connection.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { ServicesAnswer } from '../../services/refresher/answer-services.ts'
import type { RunAnswer } from '../../services/refresher/start-run/run-request.ts'
import {
  bucketStream,
  buckets,
  type Daemon,
  daemons,
  requests,
  streams,
} from '../../shared/contracts/subjects.ts'
import type { FleetSite, Usage } from './fleet-site.ts'

/** Many times what a run takes, and an answer (milliseconds). */
const [patienceMs, answerMs] = [60 * 60_000, 120_000]

export interface FleetRun {
  /** From the request on until every entry's work lies on the bus (milliseconds). */
  readonly planMs: number
  /** Until the last token was ready, and the last was on its node. */
  readonly readyMs: number
  readonly pushedMs: number
  /** Until `run.finished`: the ledger has it all. */
  readonly runMs: number
  /** When all daemons were ready, and at the end. */
  readonly startUsage: Readonly<Record<Daemon, Usage>>
  readonly usage: Readonly<Record<Daemon, Usage>>
  /** Messages that were stored on the bus, and what is left of them when it is over (bytes). */
  readonly messages: number
  readonly bytes: number
  readonly status: Pages
  readonly servicesList: Pages
}

/** What all pages of an answer took. */
export interface Pages {
  readonly pages: number
  readonly worstMs: number
  readonly allMs: number
  readonly items: number
}

export async function runFleet(site: FleetSite): Promise<FleetRun> {
  const startUsage = site.usage()
  const before = await readStore(site)
  const times = await runEverything(site)
  const after = await readStore(site)
  const status = await readPages(async (page) => {
    const body = { run: times.run, page }
    const { pages, entries } = await ask<RunStatus>(site.bus, requests.status, body, answerMs)
    return { pages, items: entries.length }
  })
  const servicesList = await readPages(async (page) => {
    const { pages, services } = await ask<ServicesAnswer>(site.bus, requests.services, { page }, answerMs)
    return { pages, items: services.length }
  })
  const usage = site.usage()
  return {
    ...times,
    ...{ startUsage, usage, status, servicesList },
    messages: after.messages - before.messages,
    bytes: after.bytes - before.bytes,
  }
}

async function runEverything({ bus, admin, services }: FleetSite) {
  const finished = Promise.withResolvers<number>()
  const seen = { ready: 0, pushed: 0, readyAt: 0, pushedAt: 0 }
  const hear = (subject: string, callback: () => void) => bus.nc.subscribe(subject, { callback })
  const heard = [
    hear('token.ready.*.*', () => {
      seen.ready += 1
      seen.readyAt = performance.now()
    }),
    hear('token.pushed.*.*', () => {
      seen.pushed += 1
      seen.pushedAt = performance.now()
    }),
    hear('token.failed.*.*', () => finished.reject(new Error('something failed: see the logs'))),
    hear('run.finished', () => finished.resolve(performance.now())),
  ]
  const late = setTimeout(
    () =>
      finished.reject(new Error(`${seen.ready} tokens and ${seen.pushed} pushes of ${services} services`)),
    patienceMs,
  )
  try {
    await bus.nc.flush()
    const started = performance.now()
    const asked = ask<RunAnswer>(bus, requests.run, {}, answerMs)
    const planned = untilPlanned(admin, services)
    const { run } = await asked
    const since = (at: number) => at - started
    const [planMs, runMs] = [since(await planned), since(await finished.promise)]
    return { run, planMs, runMs, readyMs: since(seen.readyAt), pushedMs: since(seen.pushedAt) }
  } finally {
    clearTimeout(late)
    for (const subscription of heard) subscription.unsubscribe()
  }
}

/** When the last entry's refresh was put on the bus. */
async function untilPlanned({ jsm }: FleetSite['admin'], services: number): Promise<number> {
  for (;;) {
    const { state } = await jsm.streams.info(streams.refresh)
    if (state.last_seq >= services) return performance.now()
    await sleep(50)
  }
}

/** How much was ever stored, and what of it lies there now. */
async function readStore({ admin }: FleetSite) {
  const names = [...Object.values(streams), ...Object.values(buckets).map(bucketStream)]
  const states = await Promise.all(names.map(async (name) => (await admin.jsm.streams.info(name)).state))
  return {
    messages: states.reduce((sum, { last_seq }) => sum + last_seq, 0),
    bytes: states.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

async function readPages(read: (page: number) => Promise<{ pages: number; items: number }>): Promise<Pages> {
  const took: number[] = []
  let items = 0
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const started = performance.now()
    const answer = await read(page)
    took.push(performance.now() - started)
    items += answer.items
    pages = answer.pages
  }
  return {
    pages: took.length,
    worstMs: Math.max(...took),
    allMs: took.reduce((sum, ms) => sum + ms, 0),
    items,
  }
}

/** Of the daemon that needed most (MB). */
export const peakOf = ({ usage }: FleetRun) => Math.max(...daemons.map((daemon) => usage[daemon].rssMb))

/** CPU time of all four, beyond their start (milliseconds). */
export const cpuOf = ({ usage, startUsage }: FleetRun) =>
  daemons.reduce((sum, daemon) => sum + usage[daemon].cpuMs - startUsage[daemon].cpuMs, 0)
