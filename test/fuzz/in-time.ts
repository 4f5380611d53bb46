/** Ends what does not end by itself, even a regular expression that is lost in a text. */
import { Script } from 'node:vm'

const slot: { work?: () => unknown } = {}
const name = 'managed-tokens.fuzz'
Reflect.set(globalThis, Symbol.for(name), () => slot.work?.())
const script = new Script(`globalThis[Symbol.for('${name}')]()`)

/** What `work` gives. Throws where it has not returned after `mostMs`: what takes seconds takes more than linear time. */
export function inTime<T>(mostMs: number, work: () => T): T {
  slot.work = work
  return script.runInThisContext({ timeout: mostMs }) as T
}
