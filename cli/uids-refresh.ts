/** `managed-tokens uids refresh`: has FERRY asked for every UID now, and waits for what came of it. */

import { readMessage } from '../shared/bus/parse-message.ts'
import { type RunUids, runUids } from '../shared/contracts/messages.ts'
import { cleanTexts } from '../shared/contracts/one-sentence.ts'
import { requests, runSubject } from '../shared/contracts/subjects.ts'
import { ask, connectOperator } from './bus/connection.ts'
import type { ConnectionOptions } from './bus/way-to-bus.ts'

/** FERRY is slow at times, and there may be hundreds of accounts (milliseconds). */
const patienceMs = 120_000

/** Exit code 0: every UID is known; 1: FERRY did not tell some, or nothing was heard in time. */
export async function refreshUids(options: ConnectionOptions & { json?: boolean }): Promise<number> {
  await using bus = await connectOperator(options)
  // Before it is asked for, so that the outcome is not missed.
  const facts = bus.nc.subscribe(runSubject('uids'))
  const { id } = await ask<{ id: string }>(bus, requests.uidsRefresh, {})
  const timer = setTimeout(() => facts.unsubscribe(), patienceMs)
  try {
    const outcome = await findOutcome(facts, id)
    if (outcome) {
      process.stdout.write(options.json ? `${JSON.stringify(outcome)}\n` : `${describe(outcome)}\n`)
      return outcome.failed.length > 0 ? 1 : 0
    }
  } finally {
    clearTimeout(timer)
  }
  throw new Error(
    `FERRY was asked, but nothing was heard of it within ${patienceMs / 1_000} s: see the refresher’s log.`,
  )
}

/** What came of the request `id`, of all that is said; undefined where that ends before. What cannot be read is passed over. */
export async function findOutcome(
  facts: AsyncIterable<{ readonly data: Uint8Array }>,
  id: string,
): Promise<RunUids | undefined> {
  for await (const { data } of facts) {
    const outcome = readMessage(runUids, data)
    if (outcome?.run === id) return cleanTexts(outcome)
  }
  return undefined
}

function describe({ known, failed, more }: RunUids): string {
  const told = known.map(({ account, uid }) => `${account}  ${uid}`)
  const refused = failed.map(({ account, message }) => `${account}  failed: ${message}`)
  const rest = more ? [`and ${more.known} more that are known, ${more.failed} that failed`] : []
  return (
    [...told, ...refused, ...rest].join('\n') || 'Every UID is in the configuration: FERRY need not be asked.'
  )
}
