/** A bus whose publishing a test can hold up or let fail; all else is the real one. */
import type { Bus } from '../../shared/bus/connect.ts'

/** Calls `around` for each publish; `next` does it for real. */
export function aroundPublish(
  bus: Bus,
  around: (subject: string, next: () => ReturnType<Bus['js']['publish']>) => ReturnType<Bus['js']['publish']>,
): Bus {
  const js = new Proxy(bus.js, {
    get(target, key) {
      if (key === 'publish')
        return (...args: Parameters<Bus['js']['publish']>) => around(args[0], () => target.publish(...args))
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { ...bus, js }
}
