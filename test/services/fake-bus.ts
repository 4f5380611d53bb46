/** A bus on which nothing waits and nobody listens: what is published is only remembered. */
import type { Bus } from '../../shared/bus.ts'

export interface FakeBus {
  readonly bus: Bus
  /** In their order; `id` is the message id. */
  readonly published: { readonly subject: string; readonly id: string | undefined; readonly body: unknown }[]
}

export function fakeBus(): FakeBus {
  const published: FakeBus['published'] = []
  const js = {
    publish: async (subject: string, text: string, options?: { msgID?: string }) => {
      published.push({ subject, id: options?.msgID, body: JSON.parse(text) })
    },
  }
  return { bus: { js, lastMessage: async () => null } as unknown as Bus, published }
}
