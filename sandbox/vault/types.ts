/** What the parts of the Vault stand-in say to each other. */
import type { BearerIssuer } from './bearer.ts'
import type { Books } from './books.ts'
import type { TicketChecker } from './check-ticket.ts'
import type { DeviceLogins } from './device-logins.ts'
import type { IssuerFaults } from './issuer-faults.ts'
import type { RevokedTokens } from './revoked-tokens.ts'

/** A service that the stand-in serves, and the one principal that may read its bearer tokens. Rows may repeat a service. */
export interface VaultService {
  /** The experiment as the token issuer knows it. */
  readonly issuer: string
  readonly role: string
  /** With its realm: `dunepro/managedtokens/sandbox.test@SANDBOX.TEST`. */
  readonly principal: string
}

/** How long things live, in seconds. */
export interface Lifetimes {
  /** A vault token from a login, and the most that any vault token gets. */
  readonly vaultToken: number
  readonly bearer: number
  /** How often a client may ask whether the person has logged in. */
  readonly poll: number
}

export interface VaultParts {
  readonly dir: string
  /** `https://localhost:<port>`. */
  readonly url: string
  readonly services: readonly VaultService[]
  readonly lifetimes: Lifetimes
  readonly books: Books
  readonly bearers: BearerIssuer
  readonly tickets: TicketChecker
  readonly logins: DeviceLogins
  readonly issuerFaults: IssuerFaults
  readonly revoked: RevokedTokens
}

/** A request with its body read and its path taken apart. */
export interface VaultRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: { readonly authorization?: string | undefined; readonly vaultToken?: string | undefined }
  readonly body: Readonly<Record<string, unknown>>
  /** For the record of requests: whose it is, once that is known. */
  setPrincipal(principal: string): void
}

/** An answer: JSON, or HTML for a person's browser. */
export interface VaultAnswer {
  readonly status: number
  readonly body?: unknown
  readonly html?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The name under which a principal's refresh token is kept: the principal without its realm. */
export const credkeyOf = (principal: string) => principal.replace(/@[^@]*$/, '')

/** Whose login a robot's refresh token may come from: the `credclaim` of that person is the first part of the credkey. */
export const personOf = (credkey: string) => credkey.split('/')[0] ?? credkey
