/** What htgettoken costs Vault, as counted at a real one. */

/** Requests of one htgettoken: with a vault token that is kept, and with a login. Asking how long the token lives is one more. */
export const requestsOf = (hasToken: boolean): number => (hasToken ? 2 : 5)
