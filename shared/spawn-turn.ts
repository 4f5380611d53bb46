/** One spawn in each turn of the event loop: each stops it for milliseconds, and several at once would hold up everything else. */
import { setImmediate } from 'node:timers/promises'

let free: Promise<unknown> = Promise.resolve()

/** Ends when it is the caller's turn to spawn, which it must do at once. */
export function spawnTurn(): Promise<unknown> {
  const mine = free
  free = mine.then(() => setImmediate())
  return mine
}
