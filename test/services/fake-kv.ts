/** A bucket in memory: values by key, each put a new revision of the whole bucket. */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'

export interface FakeKv {
  readonly kv: KV
  /** Returns the revision. */
  put(key: string, value: string | object): number
}

const wrongSequence = new JetStreamApiError({
  ...{ code: 400, err_code: JetStreamApiCodes.StreamWrongLastSequence, description: 'wrong last sequence' },
})

export function fakeKv(): FakeKv {
  const entries: { key: string; value: string; revision: number }[] = []
  const entryOf = (found: (typeof entries)[number] | undefined) =>
    found
      ? {
          ...found,
          operation: 'PUT',
          string: () => found.value,
          json: () => JSON.parse(found.value) as unknown,
        }
      : null
  const kv = {
    get: async (key: string, options?: { revision?: number }) =>
      entryOf(
        entries.findLast(
          (one) => one.key === key && (options?.revision === undefined || one.revision === options.revision),
        ),
      ),
    keys: async () => new Set(entries.map(({ key }) => key)),
    ...{ stream: 'KV_fake', fullKeyName: (key: string) => key },
    jsm: {
      streams: {
        info: async () => ({ state: { subjects: Object.fromEntries(entries.map(({ key }) => [key, 1])) } }),
      },
    },
    history: async () => [...new Map(entries.map((one) => [one.key, one])).values()].map(entryOf),
    put: async (key: string, value: string) => put(key, value),
    async create(key: string, value: string) {
      if (entries.some((one) => one.key === key)) throw wrongSequence
      return put(key, value)
    },
    async update(key: string, value: string, revision: number) {
      if (entries.findLast((one) => one.key === key)?.revision !== revision) throw wrongSequence
      return put(key, value)
    },
  }
  function put(key: string, value: string | object): number {
    const revision = entries.length + 1
    entries.push({ key, value: typeof value === 'string' ? value : JSON.stringify(value), revision })
    return revision
  }
  return { kv: kv as unknown as KV, put }
}
