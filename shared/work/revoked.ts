/**
 * The services whose tokens were revoked, as the bucket `revoked` has them: nothing of them is made, stored or pushed. Where
 * the list cannot be read, nothing is for anyone: an emptied bus must bring nothing back.
 */
import type { KV } from '@nats-io/kv'
import type { Logger } from 'pino'
import { type PatienceOptions, patiently } from '../bus/patiently.ts'
import { readValue } from '../bus/read-value.ts'
import { RetryLater } from '../contracts/errors.ts'
import { asker, time } from '../contracts/messages.ts'
import { runId } from '../contracts/run-id.ts'
import { revokedKey } from '../contracts/subjects.ts'
import { z } from '../contracts/zod.ts'

/** One service, revoked or restored since. */
export const revocation = z.object({
  service: z.string(),
  state: z.enum(['revoked', 'restored']),
  version: runId.describe(
    'Minted with each change: of two that say something of a service, the later one counts.',
  ),
  since: time.describe('When it came to this state.'),
  reason: z.string(),
  keepLogin: z.boolean(),
  by: asker.exactOptional(),
  run: runId.describe('The run that removes; absent: it has not been started yet.').exactOptional(),
  entries: z
    .array(
      z.object({
        ...{ entry: z.string(), service: z.string(), experiment: z.string(), role: z.string() },
        nodes: z.array(z.string()),
        credds: z.array(z.string()),
        uid: z.int().exactOptional(),
      }),
    )
    .describe('What is to be removed: also what has left the configuration since.'),
  isDone: z.boolean().describe('Nothing of it is left anywhere.'),
  until: time.describe('When the last copy ends that could not be taken away.').exactOptional(),
})
export type Revocation = z.infer<typeof revocation>

export const revokedList = z.object({ services: z.array(revocation) })
export type RevokedList = z.infer<typeof revokedList>

/** How soon work comes again that met a list which cannot be read (milliseconds). */
const unreadableMs = 2_000
/** How soon work comes again that a revocation has met on its way: by then it is dropped (milliseconds). */
const metMs = 200

export interface Revoked {
  /** The revocation that is in force for the service. Throws RetryLater where the list cannot be read. */
  find(service: string, patience?: PatienceOptions): Promise<Revocation | undefined>
  /** Throws RetryLater where the service is revoked, or nobody can say. */
  mustNotBe(service: string, patience?: PatienceOptions): Promise<void>
}

/** Reads the list anew each time: it is asked right before something is made, stored or pushed. */
export function openRevoked(bucket: KV, log: Pick<Logger, 'error' | 'info'>): Revoked {
  let isTold = false
  async function read(patience: PatienceOptions): Promise<RevokedList> {
    const { value } = await patiently(() => readValue(bucket, revokedKey, revokedList), patience)
    if (value) {
      if (isTold) log.info('the list of revoked services is there again: work goes on')
      isTold = false
      return value
    }
    if (!isTold)
      log.error(
        'the list of revoked services cannot be read: nothing is made, stored or pushed for anyone until a refresher has written it again',
      )
    isTold = true
    throw new RetryLater(unreadableMs)
  }
  const find: Revoked['find'] = async (service, patience = {}) =>
    findRevocation(await read(patience), service)
  return {
    find,
    async mustNotBe(service, patience) {
      if (await find(service, patience)) throw new RetryLater(metMs)
    },
  }
}

/** Pure. */
export const findRevocation = ({ services }: RevokedList, service: string): Revocation | undefined =>
  services.find((one) => one.service === service && one.state === 'revoked')

/** What two lists say together: of each service the later word, and of the same word what has come further. Pure. */
export function mergeRevoked(one: RevokedList, other: RevokedList): RevokedList {
  const merged = new Map<string, Revocation>()
  for (const next of [...one.services, ...other.services]) {
    const known = merged.get(next.service)
    if (!known || isLater(next, known)) merged.set(next.service, next)
  }
  return { services: [...merged.values()].sort((a, b) => (a.service < b.service ? -1 : 1)) }
}

const isLater = (next: Revocation, known: Revocation) =>
  next.version !== known.version
    ? next.version > known.version
    : (next.isDone && !known.isDone) || (next.run !== undefined && known.run === undefined)

/** For people, as a clause. Pure. */
export const describeRevoked = ({
  service,
  since,
  reason,
}: Pick<Revocation, 'service' | 'since' | 'reason'>) =>
  `${service} has been revoked since ${since} (${reason})`
