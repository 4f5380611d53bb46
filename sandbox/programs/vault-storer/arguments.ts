/** The command line of condor_vault_storer: options, and services with what is asked for each. */

export interface StoreRequest {
  readonly service: string
  readonly issuer: string
  readonly role: string | undefined
  readonly handle: string | undefined
  readonly scopes: string | undefined
  readonly audience: string | undefined
  /** Extra words for htgettoken. */
  readonly options: readonly string[]
}

export interface StorerArguments {
  readonly verbosity: '' | '-v' | '-d'
  readonly requests: readonly StoreRequest[]
}

/** What the real program says after `condor_vault_storer: `; it ends with 1. */
export class Refused extends Error {}

/** No service, or an option that it does not know: the usage text, and 1. */
export class WrongUse extends Error {
  readonly illegal: string | undefined
  constructor(illegal?: string) {
    super('wrong use')
    this.illegal = illegal
  }
}

/** `configured`: SEC_CREDENTIAL_VAULT_STORER_OPTS. @throws Refused, WrongUse */
export function readArguments(configured: string, argv: readonly string[]): StorerArguments {
  const firstService = argv.findIndex((word) => !word.startsWith('-'))
  const own = argv.slice(0, firstService < 0 ? argv.length : firstService)
  const letters = [...splitWords(configured), ...own].join('').replaceAll('-', '')
  const illegal = /[^dv]/.exec(letters)?.[0]
  if (illegal || firstService < 0) throw new WrongUse(illegal)
  const last = letters.at(-1)
  return {
    verbosity: last ? (`-${last}` as '-v' | '-d') : '',
    requests: argv.slice(firstService).map(readRequest),
  }
}

function readRequest(word: string): StoreRequest {
  const [service = '', ...parts] = word.split('&')
  const [issuer = '', role, ...more] = service.split('_')
  if (more.length > 0) throw new Refused('Only one underscore allowed in use_oauth_services name')
  // `&scope=` is in the usage text, yet only `&scopes=` is read.
  const value = (name: string) => parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1)
  const request = {
    service,
    issuer,
    role,
    handle: value('handle'),
    scopes: value('scopes'),
    audience: value('audience'),
    options: splitWords(value('options')),
  }
  if (!request.handle && (request.scopes ?? request.audience) !== undefined) {
    throw new Refused('reduced scopes or audience require a handle')
  }
  return request
}

export const splitWords = (text: string | undefined) =>
  (text ?? '').split(/\s+/).filter((word) => word !== '')
