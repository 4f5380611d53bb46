/** Logins kept in memory, in place of the disk and the bus: what a crash leaves is what was written. */
import type { Login } from '../../../../services/refresher/logins/login.ts'
import type { LoginCopies } from '../../../../services/refresher/logins/login-copies.ts'
import type { LoginFiles } from '../../../../services/refresher/logins/login-files.ts'
import type { LoginKeeping } from '../../../../services/refresher/logins/use-login.ts'

export const loginOf = (change: Partial<Login> = {}): Login => ({
  ...{ entry: 'cms_analysis', issuer: 'https://iam.test', clientId: 'client', login: 1_000, generation: 1 },
  refreshToken: 'rt-1',
  ...change,
})

/** What a machine's disk holds. */
export function openDisk(logins: readonly Login[] = []): LoginFiles & { readonly kept: Map<string, Login> } {
  const kept = new Map(logins.map((one) => [one.entry, one]))
  return {
    kept,
    read: async (entry) => kept.get(entry),
    write: async (login) => void kept.set(login.entry, login),
  }
}

export interface MemoryBus extends LoginCopies {
  readonly kept: Map<string, { readonly login: Login; readonly revision: number }>
}

/** What the bus holds; `kept.clear()` empties it. */
export function openBus(logins: readonly Login[] = []): MemoryBus {
  const kept: MemoryBus['kept'] = new Map(logins.map((login) => [login.entry, { login, revision: 1 }]))
  let last = 1
  return {
    kept,
    read: async (entry) => kept.get(entry) ?? { revision: 0 },
    async write(login, revision) {
      if ((kept.get(login.entry)?.revision ?? 0) !== revision) return false
      last += 1
      kept.set(login.entry, { login, revision: last })
      return true
    },
  }
}

export const keepingInMemory = (
  logins: readonly Login[] = [],
  change: Partial<LoginKeeping> = {},
): LoginKeeping => ({
  ...{ files: openDisk(logins), copies: openBus(logins), holder: 'one', now: Date.now, unsaved: new Map() },
  ...change,
})
