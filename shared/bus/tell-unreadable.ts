/** Says of every value in a bucket that cannot be read, once: somebody has written it who should not, or the store is damaged. */
import type { Logger } from 'pino'
import { cleanLine } from '../contracts/one-sentence.ts'
import { unreadableValuesTotal } from '../telemetry/metrics/metrics.ts'
import { type Unreadable, unreadableValues } from './read-value.ts'

/** Of so many keys it is remembered that it was said: a key is read again and again. */
const mostKeys = 10_000

/** From now on, until disposed. */
export function tellUnreadable(log: Pick<Logger, 'error'>): Disposable {
  /** Key → revision that was told last. */
  const told = new Map<string, number>()
  const tell = (message: unknown) => {
    const { bucket, key, revision, reason } = message as Unreadable
    const name = `${bucket}.${key}`
    if (told.get(name) === revision) return
    if (told.size >= mostKeys) told.clear()
    told.set(name, revision)
    unreadableValuesTotal.inc({ bucket })
    log.error(
      { bucket, key: cleanLine(key), revision, reason: cleanLine(reason) },
      'a value on the bus cannot be read: taken as absent, and replaced by the next that is written',
    )
  }
  unreadableValues.subscribe(tell)
  return { [Symbol.dispose]: () => void unreadableValues.unsubscribe(tell) }
}
