/** Logins of people in their browsers: started by a client, completed at a URL, polled for until then. */
import { randomBytes } from 'node:crypto'

export interface DeviceLogin {
  readonly issuer: string
  readonly role: string
  readonly clientNonce: string
  readonly state: string
  readonly userCode: string
  /** Who logged in, once somebody has. */
  user?: string
  lastPoll: number
}

export interface DeviceLogins {
  start(login: { issuer: string; role: string; clientNonce: string }): DeviceLogin
  /** Somebody opened the URL with this code and logged in; `userOf` says who. */
  complete(
    userCode: string,
    userOf: (login: DeviceLogin) => string,
  ): (DeviceLogin & { readonly user: string }) | undefined
  find(state: string, clientNonce: string): DeviceLogin | undefined
  end(login: DeviceLogin): void
}

/** Logins wait in memory: a restart ends them, as it does the person's page. */
export function createDeviceLogins(): DeviceLogins {
  const logins = new Map<string, DeviceLogin>()
  return {
    start(facts) {
      const state = `st_${randomBytes(15).toString('base64url')}`
      const code = randomBytes(4).toString('hex').toUpperCase()
      const login = { ...facts, state, userCode: `${code.slice(0, 4)}-${code.slice(4)}`, lastPoll: 0 }
      logins.set(state, login)
      return login
    },
    complete(userCode, userOf) {
      const login = [...logins.values()].find((waiting) => waiting.userCode === userCode)
      return login && Object.assign(login, { user: userOf(login) })
    },
    find(state, clientNonce) {
      const login = logins.get(state)
      return login?.clientNonce === clientNonce ? login : undefined
    },
    end: (login) => void logins.delete(login.state),
  }
}
