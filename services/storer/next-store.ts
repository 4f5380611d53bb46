/** Which store is prepared next: credds that answer first, then what expires soonest, then experiments in turn. Pure. */
import { type StoreWork, takesAway } from '../../shared/contracts/messages.ts'

/** What choosing needs beyond the items. */
export interface StoreOrder {
  /** A credd that lately did not answer: it has to wait for all others, and gets one item at a time. */
  readonly isTroubled: (credd: string) => boolean
  /** Whose credential in the credd it is about. */
  readonly accountOf: (item: StoreWork) => string
  /** When an experiment had its last turn, as a count; absent: never yet. */
  readonly turns: ReadonlyMap<string, number>
}

/** Expiries are told apart by the hour: minutes say nothing where tokens live for weeks, and experiments take turns within it. */
const hour = 'YYYY-MM-DDTHH'.length

/** The next item to work on beside those at work, or undefined while none may start. */
export function chooseStore(
  waiting: readonly StoreWork[],
  working: readonly StoreWork[],
  { isTroubled, accountOf, turns }: StoreOrder,
): StoreWork | undefined {
  // What would be refused by a lock: a second one of a service, or of an account in a credd.
  const locks = (item: StoreWork) => [item.service, `${accountOf(item)} ${item.credd}`]
  const taken = new Set(working.flatMap(locks))
  const held = new Set(working.map(({ credd }) => credd).filter(isTroubled))
  const free = waiting.filter((item) => !locks(item).some((one) => taken.has(one)) && !held.has(item.credd))
  const rank = (item: StoreWork): readonly (number | string)[] => [
    isTroubled(item.credd) ? 1 : 0,
    // What takes away goes first: somebody may be using it.
    takesAway(item) ? 0 : 1,
    // Nothing known to be stored there comes before everything that is.
    takesAway(item) ? '' : (item.storedUntil?.slice(0, hour) ?? ''),
    turns.get(item.experiment) ?? 0,
  ]
  return free.reduce<StoreWork | undefined>(
    (best, item) => (best && !goesBefore(item, best, rank) ? best : item),
    undefined,
  )
}

function goesBefore(
  item: StoreWork,
  best: StoreWork,
  rank: (item: StoreWork) => readonly (number | string)[],
): boolean {
  // Of one target the newest run: the older one is then dropped without being done.
  if (item.entry === best.entry && item.credd === best.credd) return item.run > best.run
  const theirs = rank(best)
  for (const [place, ours] of rank(item).entries()) {
    const other = theirs[place] as typeof ours
    if (ours !== other) return ours < other
  }
  return false
}
