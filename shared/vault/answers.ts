/** Cuts what htgettoken 2.x printed, once or several times in one output, into the answers that it met, in their order. Pure. */

/** What was asked when it went wrong. */
export type VaultStep =
  /** How long the kept vault token lives. */
  | 'lookup'
  /** The bearer token, which also shows whether the experiment has a login. */
  | 'read'
  /** A ticket for Vault: the KDC answers, or the ticket cache. */
  | 'ticket'
  | 'login'
  /** A vault token of another life. */
  | 'trade'
  /** A person's login, and keeping what it brought. */
  | 'person'
  | 'keep'
  /** Nothing was asked: files of our own, or what it says in no known form. */
  | 'other'

export interface VaultAnswer {
  readonly step: VaultStep
  readonly url: string
  /** The exception as Python words it; with `HTTPError`, the status's name and what Vault said. */
  readonly said: string
}

const starts: readonly (readonly [start: string, VaultStep])[] = [
  ['Looking up vault token at (\\S+) failed: ', 'lookup'],
  ['Read token from (\\S+) failed: ', 'read'],
  ['Kerberos init failed: ', 'ticket'],
  ['Kerberos negotiate with (\\S+) failed: ', 'login'],
  ['Kerberos authentication failed$', 'login'],
  ['getting vault token from (\\S+) failed: ', 'trade'],
  ['(?:Initiating authentication|Authentication) to (\\S+?)(?: failed)?: ', 'person'],
  ['error in response from (\\S+): ', 'person'],
  ['Refresh token storage to (\\S+) failed: ', 'keep'],
  ['decoding response from (\\S+) failed: ', 'other'],
  ['failure (?:opening for write|creating file|writing file|renaming)', 'other'],
]

/** What a wrapper of a site puts before each line, such as a date, or htgettoken its name. */
const prefix = '[^\\n\\t]{0,60}?'

/** An answer begins its line, and goes on in lines that Go's lists of errors and Vault's quotations of an issuer begin like this. */
const answers = starts.map(
  ([start, step]) =>
    [
      new RegExp(
        `^(?:${prefix}[\\s\\]:>|])?${start}(.*(?:\\n(?:${prefix}\\t.*|\\*.*|Response: .*|))*)`,
        'gm',
      ),
      step,
    ] as const,
)

/** Colours, and the ends of lines as terminals and Windows have them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go
const decoration = /\u001b\[[0-9;]*m|\r(?=\n|$)/g

/** All answers; where none is told in a known form, the whole text is one. */
export function vaultAnswers(output: string): readonly VaultAnswer[] {
  const printed = output.replace(decoration, '')
  const found = answers.flatMap(([pattern, step]) =>
    [...printed.matchAll(pattern)].map((match) => ({ at: match.index, answer: answerOf(match, step) })),
  )
  if (found.length === 0) return [{ step: 'other', url: '', said: printed }]
  return found.toSorted((one, other) => one.at - other.at).map(({ answer }) => answer)
}

function answerOf(match: RegExpMatchArray, step: VaultStep): VaultAnswer {
  const [line = '', ...groups] = match
  const [url = '', said] = groups.length > 1 ? groups : ['', groups[0]]
  return { step, url, said: (said || line).trim() }
}
