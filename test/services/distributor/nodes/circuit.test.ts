/** What a node's failures mean for those who wait for it: a table of what happened, and what the next push may do then. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  afterAnswer,
  afterFailure,
  afterHang,
  afterNothing,
  afterStart,
  type Circuit,
  type Finding,
  mostAt,
  permit,
  unknown,
  withoutOld,
} from '../../../../services/distributor/nodes/circuit.ts'

const away: Finding = { code: 'node-unreachable', why: 'it cannot be reached' }
const stuck: Finding = { code: 'push-timeout', why: 'no answer comes from the shell' }
/** Two quiet retries, ten seconds apart; then after one second, two, four, and so on up to 48. */
const policy = {
  retry: { numRetries: 2, retrySleepMs: 10_000 },
  backoff: { firstMs: 1_000, longestMs: 48_000 },
}

type Event =
  | { readonly fails: string; readonly began?: number; readonly run?: string }
  | { readonly hangs: string; readonly run?: string }
  | { readonly begins: true }
  | { readonly answers: true }
  | { readonly saysNothing: true }

/** What happened, at which second. */
type Story = readonly (readonly [number, Event])[]

const tell = (story: Story): Circuit =>
  story.reduce<Circuit>((circuit, [second, event]) => {
    const now = second * 1_000
    const attempt = (account: string, run = 'r1', began = second) => ({
      ...{ account, run, startedMs: began * 1_000 },
    })
    if ('begins' in event) return afterStart(circuit)
    if ('answers' in event) return afterAnswer(now)
    if ('saysNothing' in event) return afterNothing(circuit, now)
    if ('hangs' in event) return afterHang(circuit, attempt(event.hangs, event.run), stuck, policy, now)
    return afterFailure(circuit, attempt(event.fails, event.run, event.began), away, policy, now)
  }, unknown)

/** What run `r1` may do at that second, and how many pushes the node is given then where a good one has four. */
const outlook = (story: Story, second: number, run = 'r1', hasTold = false) => {
  const circuit = withoutOld(tell(story), second * 1_000)
  const may = permit(circuit, { run, hasTold }, second * 1_000)
  const told = may.kind === 'wait' ? (may.found ? `tells ${may.found.code}, ` : '') : ''
  const how = may.kind === 'try' ? 'tries' : `${told}comes in ${may.delayMs} ms`
  return `${how}; ${mostAt(circuit, { run, hasTold }, 4, second * 1_000)} at once`
}

const failed = (...seconds: number[]): Story => seconds.map((second) => [second, { fails: 'a' }])
const table: Record<string, readonly [Story, number, string, (string | undefined)?, boolean?]> = {
  'nothing is known': [[], 0, 'tries; 2 at once'],
  'a push got through': [[[0, { answers: true }]], 1, 'tries; 4 at once'],
  'the last answer was long ago': [[[0, { answers: true }]], 301, 'tries; 2 at once'],
  'the node failed once': [failed(0), 4, 'comes in 6000 ms; 4 at once'],
  'the pause before a retry is over': [failed(0), 10, 'tries; 1 at once'],
  'somebody makes the retry': [[...failed(0), [10, { begins: true }]], 12, 'comes in 1000 ms; 0 at once'],
  'the configured retries are used up': [
    failed(0, 10, 20),
    20,
    'tells node-unreachable, comes in 1000 ms; 4 at once',
  ],
  'the node goes on failing': [
    failed(0, 10, 20, 21, 23, 27),
    30,
    'tells node-unreachable, comes in 5000 ms; 4 at once',
  ],
  'it failed for hours': [
    failed(...Array.from({ length: 40 }, (_, index) => index * 48)),
    40 * 48 - 48,
    'tells node-unreachable, comes in 48000 ms; 4 at once',
  ],
  'four tries that were under way together failed': [
    [
      [10, { fails: 'a', began: 0 }],
      [10, { fails: 'b', began: 0 }],
      [11, { fails: 'c', began: 1 }],
      [11, { fails: 'd', began: 1 }],
    ],
    11,
    'comes in 9000 ms; 4 at once',
  ],
  'it has told, and waits for somebody’s try': [
    [...failed(0, 10, 20), [21, { begins: true }]],
    22,
    ...(['tells node-unreachable, comes in 1000 ms; 0 at once', 'r1', true] as const),
  ],
  'it has not told yet, and somebody tries already': [
    [...failed(0, 10, 20), [21, { begins: true }]],
    22,
    'tells node-unreachable, comes in 1000 ms; 4 at once',
  ],
  'it has told, and the next try is due': [
    failed(0, 10, 20),
    21,
    ...(['tries; 1 at once', 'r1', true] as const),
  ],
  'a new run’s own try is under way': [
    [...failed(0, 10, 20), [21, { begins: true }]],
    22,
    'comes in 1000 ms; 0 at once',
    'r2',
  ],
  'the node is back': [[...failed(0, 10, 20), [21, { answers: true }]], 21, 'tries; 4 at once'],
  'it failed and was back, and fails again': [
    [...failed(0, 10, 20), [21, { answers: true }], [30, { fails: 'a' }]],
    30,
    'comes in 10000 ms; 4 at once',
  ],
  'a new run comes for a node that is told to be away': [failed(0, 10, 20), 20, 'tries; 1 at once', 'r2'],
  'the new run’s own try has failed': [
    [...failed(0, 10, 20), [30, { fails: 'a', run: 'r2' }]],
    30,
    'tells node-unreachable, comes in 2000 ms; 4 at once',
    'r2',
  ],
  'a try said nothing of the node': [
    [...failed(0, 10), [20, { begins: true }], [21, { saysNothing: true }]],
    21,
    'tries; 1 at once',
  ],
  'it failed, and nobody has tried for ten minutes': [failed(0), 700, 'tries; 2 at once'],
  'one account hangs in its shell': [[[30, { hangs: 'a' }]], 30, 'tries; 4 at once'],
  'one account hangs in its shell again and again': [
    [
      [30, { hangs: 'a' }],
      [60, { hangs: 'a' }],
      [90, { hangs: 'a' }],
    ],
    90,
    'tries; 4 at once',
  ],
  'two accounts hang, and nobody gets through between': [
    [
      [30, { hangs: 'a' }],
      [30, { hangs: 'b' }],
    ],
    30,
    'comes in 10000 ms; 4 at once',
  ],
  'two accounts hang, and somebody got through between': [
    [
      [30, { hangs: 'a' }],
      [31, { answers: true }],
      [60, { hangs: 'b' }],
    ],
    60,
    'tries; 4 at once',
  ],
  'a node that could not be reached lets an account in, which hangs': [
    [...failed(0, 10, 20), [50, { hangs: 'a' }]],
    50,
    'tries; 4 at once',
  ],
  'a node where accounts hang goes on like that': [
    [
      [30, { hangs: 'a' }],
      [30, { hangs: 'b' }],
      [70, { hangs: 'a' }],
      [110, { hangs: 'b' }],
    ],
    110,
    'tells push-timeout, comes in 1000 ms; 4 at once',
  ],
}

describe('the next push to a node', () => {
  for (const [what, [story, second, expected, run, hasTold]] of Object.entries(table))
    it(`${expected}, where ${what}`, () => assert.equal(outlook(story, second, run, hasTold), expected))
})
