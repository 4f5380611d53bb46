/**
 * Which push may start next: a bound in all and for each node, one at a time per (node, account), and nodes take turns. What
 * was never tried goes before what comes again. Pure.
 */
import { type PushWork, takesAway } from '../../shared/contracts/messages.ts'

/** What choosing needs beyond the items. */
export interface NextPushRules {
  /** Pushes at the same time to nodes that answered lately; as many again to the others, which may only be waited for. */
  readonly most: number
  /** How many pushes at the same time an item's node gets. */
  readonly mostAt: (item: PushWork) => number
  /** Whether an item's node answered lately. */
  readonly isProven: (item: PushWork) => boolean
  /** When an item was tried last, in any unit; undefined: never. */
  readonly triedAt: (item: PushWork) => number | undefined
  /** The account an entry pushes as. */
  readonly accountOf: (entry: string) => string | undefined
}

/**
 * The next push, or undefined while none may start: one that was never tried, from the node with the fewest at work, the one
 * tried longest ago, the soonest expiry first.
 */
export function choosePush(
  waiting: readonly PushWork[],
  working: readonly PushWork[],
  { most, mostAt, isProven, triedAt, accountOf }: NextPushRules,
): PushWork | undefined {
  const busy = new Map<string, number>()
  for (const { node } of working) busy.set(node, (busy.get(node) ?? 0) + 1)
  const load = ({ node }: PushWork) => busy.get(node) ?? 0
  const place = (item: PushWork) => `${item.node} ${accountOf(item.entry)}`
  const taken = new Set(working.map(place))
  const proven = working.filter(isProven).length
  const hasRoom = (item: PushWork) => (isProven(item) ? proven : working.length - proven) < most
  const free = waiting.filter((item) => hasRoom(item) && load(item) < mostAt(item) && !taken.has(place(item)))
  const rank = (item: PushWork): readonly (number | string)[] => {
    const tried = triedAt(item)
    // What takes away goes first: somebody may be using it.
    if (takesAway(item)) return [tried === undefined ? -1 : 1, load(item), tried ?? 0, '']
    return [tried === undefined ? 0 : 1, load(item), tried ?? 0, item.expiry]
  }
  return free.reduce<PushWork | undefined>(
    (best, item) => (best && !isBefore(rank(item), rank(best)) ? best : item),
    undefined,
  )
}

function isBefore(one: readonly (number | string)[], other: readonly (number | string)[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index])
  return at >= 0 && (one[at] as number) < (other[at] as number)
}
