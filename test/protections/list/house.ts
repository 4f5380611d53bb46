/** Protections of the house as a whole. */
import type { Protection } from '../protection.ts'

export const protections: readonly Protection[] = [
  {
    row: 10,
    file: 'shared/work/claim.ts',
    line: "  if (record.run > run) return { kind: 'superseded', by: record.run }\n",
    without: '',
    test: 'test/shared/work/claim.test.ts',
    name: 'only ever lets a target go forward, ends each run once, and counts its attempts',
  },
  {
    row: 10,
    file: 'shared/bus/publish.ts',
    line: 'if (waiting && !replaces(message.body, readMessage(workBody, waiting.data))) return',
    without: '',
    test: 'test/shared/bus/publish.test.ts',
    name: 'never puts an older run in the place of a newer one',
  },
  {
    row: 39,
    file: 'services/storer/condor/verify.ts',
    line: '{ ticketRefused: isLoginRefused(outcome) }',
    without: '{}',
    test: 'test/faults/storer-direct.faults.ts',
    name: 'a credd with new keys takes no older ticket: a new one heals it in the same run',
  },
  {
    row: 6,
    file: 'services/refresher/start-run/joined.ts',
    line: '(isPlanning || (await isQueued(last.run, entry)))',
    without: 'true',
    test: 'test/services/refresher/start-run/run-requests.test.ts',
    name: 'is a new one where what the last put into the queue was lost',
  },
]
