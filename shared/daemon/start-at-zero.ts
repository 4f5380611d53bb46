/**
 * Starts the counts of a daemon at 0: a series that is born with its first event has not increased by it, so a rate or an
 * increase would not show that event. Of labels that only the configuration knows, such as nodes, series begin later.
 */

import { reasons } from '../contracts/reasons.ts'
import { consumers, type Daemon, ownerOf } from '../contracts/subjects.ts'
import { knownPrograms } from '../telemetry/metrics/known-programs.ts'
import {
  commandSeconds,
  failuresTotal,
  messagesTotal,
  outcomesTotal,
  queueWaitSeconds,
  redeliveriesTotal,
} from '../telemetry/metrics/metrics.ts'
import type { Queue } from '../telemetry/metrics/queues.ts'
import type { End } from '../work/consume/ends.ts'

const everyEnd = { ack: 0, term: 0, later: 0, abandon: 0, handBack: 0 } satisfies Record<End['kind'], 0>
const commandEnds = ['ok', 'exit', 'timeout', 'killed', 'missing']

/** What each daemon works on: the name of its queue, and of the stage in outcomes and failures. */
const queueOf = {
  refresher: 'refresh',
  storer: 'store',
  distributor: 'push',
  notifier: 'notify',
} as const satisfies Record<Daemon, Queue>

/** Once, before anything is counted: it sets histograms back. */
export function startAtZero(daemon: Daemon): void {
  const queue = queueOf[daemon]
  const codes = Object.keys(reasons)
  for (const code of ['ok', ...codes]) outcomesTotal.inc({ stage: queue, code }, 0)
  if (daemon !== 'notifier') for (const code of codes) failuresTotal.inc({ stage: queue, code }, 0)
  for (const consumer of Object.values(consumers).filter((one) => ownerOf(one) === daemon)) {
    redeliveriesTotal.inc({ consumer }, 0)
    for (const end of Object.keys(everyEnd)) messagesTotal.inc({ consumer, end }, 0)
  }
  queueWaitSeconds.zero({ queue })
  for (const program of knownPrograms[daemon])
    for (const outcome of commandEnds) commandSeconds.zero({ program, outcome })
}
