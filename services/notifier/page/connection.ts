/** Whether the bus is there: when it is not, what is shown is as old as that. */
import type { Bus } from '../../../shared/bus/connect.ts'

export interface Connection extends Disposable {
  /** Since when the bus is away (milliseconds since the epoch). */
  awaySince(): number | undefined
}

/** `onChange`: it went, or it came back. */
export function watchBus({ nc }: Pick<Bus, 'nc'>, onChange: () => void): Connection {
  let since: number | undefined
  const changes = nc.status()
  const follow = async () => {
    for await (const { type } of changes) {
      if (type !== 'disconnect' && type !== 'reconnect') continue
      since = type === 'disconnect' ? (since ?? Date.now()) : undefined
      onChange()
    }
  }
  void follow()
  return {
    awaySince: () => since,
    [Symbol.dispose]() {
      void (changes as AsyncIterableIterator<unknown>).return?.()
    },
  }
}
