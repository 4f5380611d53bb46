/** The ledger of a run from the notifier, every page of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { Bus } from '../../shared/bus/connect.ts'
import { requests } from '../../shared/contracts/subjects.ts'
import { ask } from '../bus/connection.ts'
import { isNoAnswer, RefusedError } from '../terminal/errors.ts'

/** How long somebody who looks on waits for a bus that is away, and between two questions (milliseconds). */
const [patienceMs, pauseMs] = [60_000, 500]

/** The same for somebody who looks on: the bus may be away for a moment. */
export async function awaitWholeStatus(bus: Bus, run: string | undefined): Promise<RunStatus> {
  for (const deadline = performance.now() + patienceMs; ; await sleep(pauseMs)) {
    try {
      return await readWholeStatus(bus, run)
    } catch (error) {
      if (!(error instanceof RefusedError && isNoAnswer(error)) || performance.now() > deadline) throw error
    }
  }
}

/** Every page of the ledger, as one. */
export async function readWholeStatus(bus: Bus, run: string | undefined): Promise<RunStatus> {
  const first = await ask<RunStatus>(bus, requests.status, run === undefined ? {} : { run })
  const entries = [...first.entries]
  for (let page = 2; page <= first.pages; page += 1)
    entries.push(...(await ask<RunStatus>(bus, requests.status, { run: first.run, page })).entries)
  return { ...first, entries }
}
