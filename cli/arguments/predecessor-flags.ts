/** Flags of the predecessor's two programs that are none here: answered with what they became, before anything is done. */
import { serviceName } from '../../shared/config/schema/grammar.ts'
import { UsageError } from '../terminal/errors.ts'

export type Program = 'token-push' | 'refresh-uids-from-ferry'
type Became = (words: readonly string[]) => string

const mail: Became = () =>
  'who administers is notifications.admin_email in the configuration; "managed-tokens notify test" tries it'
const verbose: Became = () =>
  'there is one log a daemon, which always says each step; "managed-tokens run --watch" looks on'
const configFile: Became = () => 'it is --config FILE, or -c FILE as before'
const loki: Became = () =>
  'it is a flag of what writes the logs: "managed-tokens up --no-loki", or of each daemon'
const uids: Became = () => 'it is "managed-tokens uids refresh"'

const onboarding: Became = (words) => {
  const at = words.findIndex((word) => word === '-s' || word === '--service')
  const service = serviceName.safeParse(words[at + 1]).data ?? 'SERVICE'
  const push = words.some((word) => /^(-r?p|-pr|--push-tokens)/.test(word)) ? ' --push' : ''
  return `onboarding is a command: "managed-tokens onboard ${service}${push}"`
}

const common = {
  '-v': verbose,
  '--verbose': verbose,
  '--admin': mail,
  '--configfile': configFile,
  '--no-loki': loki,
}
const became: Readonly<Record<Program, Readonly<Record<string, Became>>>> = {
  'token-push': {
    ...{ '-r': onboarding, '--run-onboarding': onboarding, '-p': onboarding, '--push-tokens': onboarding },
    ...common,
  },
  'refresh-uids-from-ferry': {
    ...common,
    '--authmethod': () =>
      'the configuration decides: a client certificate where ferry.hostCert and ferry.hostKey are set, else a token (ferry.serviceExperiment and so on)',
    '-t': () =>
      'there is no dry run: what FERRY says is shown, and counts; "managed-tokens services" has the UIDs',
    '--test': () =>
      'there is no dry run: what FERRY says is shown, and counts; "managed-tokens services" has the UIDs',
    '--disable-notifications': () =>
      'administrators hear of each refusal; disableNotifications in the configuration mutes all',
    '--dont-notify': () =>
      'administrators hear of each refusal; disableNotifications in the configuration mutes all',
  },
}

/** Short flags of ours whose value may stand in the same word. */
const withValue = /[sec]/

/** A word as the flags in it: `-rp` are two, `--admin=x` is one. */
function flagsIn(word: string): string[] {
  if (word.startsWith('--')) return [word.split('=')[0] ?? word]
  if (!word.startsWith('-')) return []
  const letters = word.slice(1)
  const end = letters.search(withValue)
  return [...(end < 0 ? letters : letters.slice(0, end))].map((letter) => `-${letter}`)
}

/** Each flag of the predecessor's `program` among the words that is none here, with what it became. Pure. */
export const flagsThatWent = (program: Program, words: readonly string[]): [flag: string, became: string][] =>
  words.flatMap(flagsIn).flatMap((flag) => {
    const what = became[program][flag]
    return what ? [[flag, what(words)] as [string, string]] : []
  })

/** Throws UsageError where the words are for a program of the predecessor's. `up` and the daemons have a `--no-loki` of their own. */
export function refusePredecessorsFlags(words: readonly string[]): void {
  const [first = ''] = words
  const isOfUids =
    ['uids', 'refresh-uids-from-ferry'].includes(first) ||
    words.some((word) => /^--authmethod(=|$)/.test(word))
  const program: Program = isOfUids ? 'refresh-uids-from-ferry' : 'token-push'
  const given = words.slice(0, words.indexOf('--') < 0 ? undefined : words.indexOf('--'))
  for (const flag of given.flatMap(flagsIn)) {
    const what = first === 'up' && flag === '--no-loki' ? undefined : became[program][flag]
    if (what) throw new UsageError(`${flag} was a flag of ${program}: ${what(words)}.`)
  }
  if (first === 'refresh-uids-from-ferry')
    throw new UsageError(`${first} is another program: ${uids(words)}.`)
  if (first === 'token-push' || isFlagOfRun(first))
    throw new UsageError(
      `A run is a command: "managed-tokens run", with ${first === 'token-push' ? 'the flags of token-push' : `${first} after it`}.`,
    )
}

const isFlagOfRun = (word: string) =>
  [
    '-c',
    '-e',
    '-s',
    '-t',
    ...[
      'experiment',
      'service',
      'test',
      'list-services',
      'disable-notifications',
      'dont-notify',
      'no-push',
    ].map((name) => `--${name}`),
  ].includes(word.split('=')[0] ?? '')
