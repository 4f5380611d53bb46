/** The values of a bucket as they are now, each checked; what cannot be read is as good as absent. */
import type { KV } from '@nats-io/kv'
import type { z } from '../../../../shared/contracts/zod.ts'
import { followBucket } from '../../watch/follow-bucket.ts'

export interface ValuesFollowed<T> {
  readonly schema: z.ZodType<T>
  readonly isOurs: (key: string) => boolean
  /** The whole is told anew. */
  begin(): void
  /** Undefined: it is gone. */
  see(key: string, value: T | undefined): void
}

/** Resolves when all that is there has been seen; follows on until `signal` says so. */
export function followValues<T>(
  kv: KV,
  { schema, isOurs, begin, see }: ValuesFollowed<T>,
  { failed, signal }: { failed(reason: string): void; readonly signal: AbortSignal },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const following = {
    ...{ begin, failed, caughtUp: resolve },
    see(key: string, json: unknown) {
      if (isOurs(key)) see(key, json === undefined ? undefined : schema.safeParse(json).data)
    },
  }
  void followBucket(kv, following, signal)
  return promise
}

/** The same kept in a map; `changed` hears which key it was. */
export function followMap<T>(
  kv: KV,
  what: Pick<ValuesFollowed<T>, 'schema' | 'isOurs'>,
  how: Parameters<typeof followValues>[2],
  changed: (key: string) => void = () => undefined,
): { readonly values: ReadonlyMap<string, T>; readonly caughtUp: Promise<void> } {
  const values = new Map<string, T>()
  const see = (key: string, value: T | undefined) => {
    if (value === undefined) values.delete(key)
    else values.set(key, value)
    changed(key)
  }
  return { values, caughtUp: followValues(kv, { ...what, see, begin: () => values.clear() }, how) }
}
