/** The storer daemon by itself on a site of its own, asked to store every token of every entry: for benchmarks and tests of its lanes. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus } from '../../shared/bus/connect.ts'
import { publish } from '../../shared/bus/publish.ts'
import { type TokenReady, timestamp } from '../../shared/contracts/messages.ts'
import { nextRunId } from '../../shared/contracts/run-id.ts'
import { tokenSubject } from '../../shared/contracts/subjects.ts'
import { entryName, type SiteEntry, serviceName } from '../entry.ts'
import { startSite } from '../site.ts'
import { standForRefresher, startDaemon, startServer } from './daemon.ts'

export interface ManyStores {
  /** Does not exist yet. */
  readonly dir: string
  readonly entries: readonly SiteEntry[]
  readonly settings: Readonly<Record<string, unknown>>
  /** Where the programs write a line for each store that they have ended. */
  readonly log: string
  /** How long all of them may take (milliseconds). */
  readonly patienceMs: number
}

/** Returns the lines of all stores, in the order in which they ended. Bus, KDC, tickets and the daemon are real. */
export async function storeMany({ dir, entries, settings, log, patienceMs }: ManyStores): Promise<string[]> {
  writeFileSync(log, '')
  await using site = await startSite({ dir, entries, settings })
  await using server = await startServer(site)
  await using bus = await server.connect('refresher')
  await standForRefresher(bus)
  await using _storer = await startDaemon('storer', site, server.url)
  await Promise.all(readyFacts(entries).map((ready) => tellReady(bus, ready)))
  const targets = entries.reduce((sum, { credds }) => sum + credds.length, 0)
  return await untilWritten(log, targets, patienceMs)
}

/** A program of shell commands. */
export function writeProgram(dir: string, name: string, commands: string): string {
  const file = join(dir, name)
  writeFileSync(file, `#!/bin/bash\n${commands}\n`)
  chmodSync(file, 0o755)
  return file
}

function readyFacts(entries: readonly SiteEntry[]): TokenReady[] {
  const run = nextRunId(undefined, Date.now())
  const later = timestamp(new Date(Date.now() + 60 * 60_000))
  return entries.map((entry) => ({
    schema: '1.0',
    at: timestamp(),
    ...{ run, entry: entryName(entry), service: serviceName(entry) },
    ...{ experiment: entry.experiment, role: entry.role, credds: [...entry.credds], uid: entry.uid },
    mode: { push: true, notify: true },
    ...{ deadline: later, expiry: later, tokenId: 'none', key: 'none', revision: 1, reused: false },
  }))
}

const tellReady = (bus: Bus, ready: TokenReady) =>
  publish(bus, {
    kind: 'fact',
    subject: tokenSubject('ready', ready),
    id: `${ready.run}.${ready.entry}`,
    body: ready,
  })

async function untilWritten(log: string, count: number, patienceMs: number): Promise<string[]> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : []
    if (lines.length >= count) return lines
    if (Date.now() > deadline)
      throw new Error(`only ${lines.length} of ${count} stores within ${patienceMs / 1_000} s`)
    await sleep(200)
  }
}
