/** What the issuer remembers, in memory: the library’s own store is for quick starts, and forgets beyond a thousand. */
import type { Adapter, AdapterPayload } from 'oidc-provider'

interface Kept {
  readonly payload: AdapterPayload
  readonly expiresAt: number
}

/** A store for each kind of thing, as the library asks for them. A refresh token that was used may be used again for so long. */
export function openStores(graceMs: number): (kind: string) => Adapter {
  const stores = new Map<string, Adapter>()
  return (kind) => {
    const store = stores.get(kind) ?? openStore(kind === 'RefreshToken' ? graceMs : 0)
    stores.set(kind, store)
    return store
  }
}

function openStore(graceMs: number): Adapter {
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
    async find(id) {
      const payload = living(id)
      const usedMs = Number(payload?.consumed ?? 0) * 1_000
      return payload && usedMs + graceMs > Date.now() ? { ...payload, consumed: undefined } : payload
    },
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
