/** What can be typed behind `npm run package --`. */
import { parseArgs } from 'node:util'
import { GiveUp } from './give-up.ts'

export const kinds = ['rpm', 'deb'] as const
export type Kind = (typeof kinds)[number]

export interface Signing {
  /** A private OpenPGP key. */
  readonly key: string
  /** Its passphrase as the first line of a file; without one NFPM_PASSPHRASE counts. */
  readonly passphraseFile: string | undefined
}

export interface Options {
  readonly kind: Kind
  /** The directory that the package comes into. */
  readonly output: string
  /** In the place of the number of commits. */
  readonly number: string | undefined
  readonly signing: Signing | undefined
}

export const usage = `usage: npm run package -- rpm|deb [OPTION...]
  --output DIR             where the package comes to (default: the working directory)
  --release N              the number that orders packages of one version (default: how many commits lead to this one)
  --key FILE               sign with this private OpenPGP key (gpg --export-secret-keys --armor)
  --passphrase-file FILE   its passphrase; else NFPM_PASSPHRASE from the environment
`

/** Undefined where help is asked for. Throws {@link GiveUp} where something cannot be meant. */
export function readOptions(words: readonly string[]): Options | undefined {
  const { values, positionals } = parse(words)
  if (values.help) return undefined
  const [kind, ...more] = positionals
  if (!isKind(kind) || more.length > 0) throw new GiveUp(usage, 2)
  if (values.release !== undefined && !/^[1-9]\d{0,8}$/.test(values.release))
    throw new GiveUp(`--release ${values.release}: expected a number from 1 on`, 2)
  if (values['passphrase-file'] && !values.key) throw new GiveUp('--passphrase-file is for a --key', 2)
  return {
    kind,
    output: values.output,
    number: values.release,
    signing: values.key ? { key: values.key, passphraseFile: values['passphrase-file'] } : undefined,
  }
}

const isKind = (word: string | undefined): word is Kind => kinds.some((kind) => kind === word)

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        output: { type: 'string', default: '.' },
        release: { type: 'string' },
        key: { type: 'string' },
        'passphrase-file': { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new GiveUp(`${(error as Error).message}\n${usage}`, 2)
  }
}
