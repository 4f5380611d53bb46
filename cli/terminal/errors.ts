/** What can go wrong between somebody at a terminal and the daemons; the messages are for people and say the next step. */

/** Wrong use: what was typed cannot be done. Ends in exit code 2 and this sentence alone. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What `read` returns; what it throws is about something that was typed, such as a file. */
export function asWrongUse<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** A daemon said no. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Nobody has said anything about what was asked: it may be asked again. */
export const isNoAnswer = ({ code }: RefusedError) => code === 'no-answer' || code === 'bus-not-ready'

/** Where nothing is heard within this time (`connection.ts`), the server may be there and not ready. */
export const silence = 'no answer'

const away = (at: string, why: string) =>
  why === silence
    ? `${at} is not ready, or something is in the way (no answer): try again in a moment, and see its log; --nats or --state say where another one is.`
    : `${at} cannot be reached (${why.toLowerCase()}): is it running? "managed-tokens up" starts it; --nats or --state say where another one is.`

/** No connection to NATS. The message says where, why, and what to do. */
export class NoNats extends Error {
  override readonly name = 'NoNats'
  constructor(
    { servers, seedFile: seed }: { readonly servers: readonly string[]; readonly seedFile: string },
    why: string,
  ) {
    const at = `NATS at ${servers.join(', ')}`
    super(
      /authorization/i.test(why)
        ? `${at} does not know the key in ${seed}: it is of another installation.`
        : away(at, why),
    )
  }
}
