/** How the Vault stand-in says no. */

/** Ends a request with `{"errors":[…]}`, or with an empty object where there are none to tell. */
export class Refusal extends Error {
  readonly status: number
  readonly errors: readonly string[] | undefined
  readonly headers: Readonly<Record<string, string>>
  constructor(
    status: number,
    errors: readonly string[] | undefined,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(errors?.join(' '))
    this.status = status
    this.errors = errors
    this.headers = headers
  }
}

export const permissionDenied = () => new Refusal(403, ['1 error occurred:\n\t* permission denied\n\n'])
