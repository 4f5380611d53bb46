/** A bus on which nobody listens: what is published is only remembered, and only `waiting` waits. */
import type { Bus } from '../../shared/bus/connect.ts'

export interface FakeBus {
  readonly bus: Bus
  /** In their order; `id` is the message id. */
  readonly published: { readonly subject: string; readonly id: string | undefined; readonly body: unknown }[]
}

/** `waiting`: subjects on which a message waits. */
export function fakeBus(waiting: readonly string[] = []): FakeBus {
  const published: FakeBus['published'] = []
  const js = {
    publish: async (subject: string, text: string, options?: { msgID?: string }) => {
      published.push({ subject, id: options?.msgID, body: JSON.parse(text) })
    },
  }
  const lastMessage = async (_stream: string, subject: string) => (waiting.includes(subject) ? {} : null)
  return { bus: { js, lastMessage } as unknown as Bus, published }
}
