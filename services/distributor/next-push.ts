/** Which push may start next: a bound per node, one at a time per (node, account), and nodes take turns. Pure. */
import type { PushItem } from '../../shared/messages.ts'

/** What choosing needs beyond the items. */
export interface ChooseRules {
  /** How many pushes at the same time a node gets. */
  readonly mostAt: (node: string) => number
  /** The account an entry pushes as. */
  readonly accountOf: (entry: string) => string | undefined
}

/** The next push, or undefined while none may start: from the node with the fewest at work, the soonest expiry first. */
export function choosePush(
  waiting: readonly PushItem[],
  working: readonly PushItem[],
  { mostAt, accountOf }: ChooseRules,
): PushItem | undefined {
  const busy = new Map<string, number>()
  for (const { node } of working) busy.set(node, (busy.get(node) ?? 0) + 1)
  const taken = new Set(working.map((item) => `${item.node} ${accountOf(item.entry)}`))
  const free = waiting.filter(
    (item) =>
      (busy.get(item.node) ?? 0) < mostAt(item.node) && !taken.has(`${item.node} ${accountOf(item.entry)}`),
  )
  return free.reduce<PushItem | undefined>(
    (best, item) => (best && !goesBefore(item, best, busy) ? best : item),
    undefined,
  )
}

function goesBefore(item: PushItem, best: PushItem, busy: ReadonlyMap<string, number>): boolean {
  const difference = (busy.get(item.node) ?? 0) - (busy.get(best.node) ?? 0)
  return difference < 0 || (difference === 0 && item.expiry < best.expiry)
}
