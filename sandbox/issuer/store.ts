/** What the issuer remembers, in memory: the library’s own store is for quick starts, and forgets beyond a thousand. */
import type { Adapter, AdapterPayload } from 'oidc-provider'

interface Kept {
  readonly payload: AdapterPayload
  readonly expiresAt: number
}

/** A store for each kind of thing, as the library asks for them. */
export function openStores(): (kind: string) => Adapter {
  const stores = new Map<string, Adapter>()
  return (kind) => {
    const store = stores.get(kind) ?? openStore()
    stores.set(kind, store)
    return store
  }
}

function openStore(): Adapter {
  const kept = new Map<string, Kept>()
  const living = (id: string) => {
    const found = kept.get(id)
    return found && found.expiresAt > Date.now() ? found.payload : undefined
  }
  const findBy = (key: 'uid' | 'userCode', value: string) =>
    [...kept.values()].find(({ payload }) => payload[key] === value)?.payload
  return {
    async upsert(id, payload, expiresIn) {
      kept.set(id, {
        payload,
        expiresAt: expiresIn ? Date.now() + expiresIn * 1_000 : Number.POSITIVE_INFINITY,
      })
    },
    find: async (id) => living(id),
    findByUid: async (uid) => findBy('uid', uid),
    findByUserCode: async (userCode) => findBy('userCode', userCode),
    async consume(id) {
      const payload = living(id)
      if (payload) payload.consumed = Math.floor(Date.now() / 1_000)
    },
    async destroy(id) {
      kept.delete(id)
    },
    async revokeByGrantId(grantId) {
      for (const [id, { payload }] of kept) if (payload.grantId === grantId) kept.delete(id)
    },
  }
}
