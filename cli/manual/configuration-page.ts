/** managedTokens.yml(5): every key with its meaning, as the schema has them. Pure. */
import { type Key, keysOf } from './keys.ts'
import { bold, item, page, paragraph, part, section, text, verbatim } from './roff.ts'

export interface Origin {
  readonly version: string
  readonly date: string
  /** Where the file is looked for, in order. */
  readonly directories: readonly string[]
}

/** The least that a site needs. */
export const smallest = `keytabPath: /etc/managed-tokens/keytabs
kerberosPrincipalPattern: "{{.Account}}/managedtokens/host.example@REALM"
condorCollectorHost: collector.example
experiments:
  dune: # the service dune_production
    emails: [dune-admins@example.org]
    roles:
      production:
        account: dunepro
        destinationNodes: [node1.example, node2.example]`

export function configurationPage(schema: object, { version, date, directories }: Origin): string {
  const [[, top = []] = [], ...below] = Map.groupBy(keysOf(schema), ({ parent }) => parent)
  return page({ name: 'managedTokens.yml', section: 5, version, date }, [
    section('NAME'),
    text('managedTokens.yml - which services there are, and where their tokens go'),
    section('DESCRIPTION'),
    text(
      'One file for the daemons of managed-tokens and its command line, which `managed-tokens config check` checks; ' +
        '`managed-tokens explain SERVICE` says which line each value of a service comes from. It is read at the start and again ' +
        'whenever a run starts; a broken one is refused, and the last good one stays in force.',
    ),
    paragraph(
      `It is named with --config, or is the first managedTokens.yml, .yaml or .json in ${directories.join(', ')}. ` +
        'It is YAML 1.2 or JSON. Keys are the same in any case; a list may be one text with its words separated by blanks or commas; ' +
        'durations are written like 300s, 1h30m or 3d; templates know {{.Account}}, {{.DesiredUID}}, {{.Experiment}}, {{.Role}} ' +
        'and {{.Service}}. An empty value is the same as no key. Whoever can read it can read the webhooks in it.',
    ),
    section('KEYS AT THE TOP'),
    ...top.map(describe),
    section('KEYS IN SECTIONS'),
    ...below.flatMap(([parent, keys]) => [part(parent), ...keys.map(describe)]),
    section('EXAMPLES'),
    verbatim(smallest),
    section('SEE ALSO'),
    `${bold('managed-tokens')}(1)`,
  ])
}

const describe = ({ name, meaning, value, fallback }: Key) =>
  item(
    bold(name),
    [meaning, value && `Value: ${value}.`, fallback && `Default: ${fallback}.`].filter(Boolean).join(' '),
  )
