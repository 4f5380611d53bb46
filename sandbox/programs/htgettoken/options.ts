/** The options of htgettoken: names, defaults and the refusals that come before anything is asked. */
import { parseArgsStringToArgv } from 'string-argv'

export interface Options {
  readonly vaultServer: string
  readonly issuer: string
  readonly role: string
  readonly verbose: boolean
  readonly debug: boolean
  readonly quiet: boolean
  readonly noKerberos: boolean
  readonly noOidc: boolean
  readonly showBearerUrl: boolean
  readonly noBearerToken: boolean
  readonly credkey: string | undefined
  readonly configDir: string
  readonly secretPath: string
  readonly kerbPath: string
  readonly oidcPath: string
  readonly ttlSeconds: number
  readonly minTtlSeconds: number
  readonly vaultTokenFile: string
  readonly vaultTokenInFile: string
  readonly outFile: string
  readonly minSecs: number
  readonly scopes: string | undefined
  readonly audience: string | undefined
  readonly caFile: string
  readonly caPath: string
}

/** Wrong use: exit 2 with the usage text. */
export class WrongUse extends Error {}
/** A refusal: exit 1, hidden by `-q`. */
export class Fatal extends Error {}

const flags = [
  'verbose',
  'debug',
  'quiet',
  'nokerberos',
  'nooidc',
  'nossh',
  'registerssh',
  'showbearerurl',
  'nobearertoken',
  'help',
  'version',
]
const values = [
  ...[
    'optserver',
    'vaultserver',
    'vaultalias',
    'vaultcertname',
    'issuer',
    'role',
    'kerbpath',
    'kerbprincipal',
    'oidcpath',
    'sshpath',
  ],
  ...[
    'configdir',
    'credkey',
    'secretpath',
    'vaulttokenttl',
    'vaulttokenminttl',
    'vaulttokenfile',
    'vaulttokeninfile',
    'outfile',
    'minsecs',
  ],
  ...['scopes', 'audience', 'cafile', 'capath', 'web-open-command'],
]
const short: Readonly<Record<string, string>> = {
  v: 'verbose',
  d: 'debug',
  q: 'quiet',
  h: 'help',
  s: 'optserver',
  a: 'vaultserver',
  i: 'issuer',
  r: 'role',
  c: 'configdir',
  o: 'outfile',
}

/** @throws WrongUse, Fatal */
export function readOptions(argv: readonly string[], env: Readonly<NodeJS.ProcessEnv>): Options {
  // The command line is stronger than the variable.
  const given = takeWords([...parseArgsStringToArgv(env.HTGETTOKENOPTS ?? ''), ...argv])
  const value = (name: string) => given.get(name)
  const vaultServer = value('vaultserver')
  if (vaultServer === undefined) throw new WrongUse("Missing required parameters: ['--vaultserver']")
  if (value('optserver') !== undefined) throw new Fatal('the sandbox has no server of options')

  const uid = String(process.geteuid?.())
  const expand = (path: string) => path.replaceAll('%uid', uid).replace(/^~(?=\/)/, env.HOME ?? '~')
  const ttlSeconds = toSeconds(value('vaulttokenttl') ?? '7d', '--vaulttokenttl')
  const minTtlSeconds = toSeconds(value('vaulttokenminttl') ?? '0s', '--vaulttokenminttl')
  if (minTtlSeconds >= ttlSeconds) throw new Fatal('--vaulttokenminttl must be less than --vaulttokenttl')
  const isLong = ttlSeconds > 1_000_000
  const vaultTokenFile = value('vaulttokenfile') ?? (isLong ? '/dev/stdout' : '/tmp/vt_u%uid')
  if (isLong && !isDeviceFile(vaultTokenFile)) {
    throw new Fatal(
      '--vaulttokenfile must be under /dev/ when --vaulttokenttl is greater than a million seconds',
    )
  }
  const minSecs = value('minsecs') ?? '60'
  if (!/^-?\d+$/.test(minSecs))
    throw new WrongUse(`error: option --minsecs: invalid integer value: '${minSecs}'`)
  const issuer = value('issuer') ?? 'default'
  const role = value('role') ?? 'default'
  const named = (path: string) => path.replaceAll('%issuer', issuer).replaceAll('%role', role)
  return {
    vaultServer: toUrl(vaultServer),
    issuer,
    role,
    debug: given.has('debug'),
    verbose: given.has('verbose') || given.has('debug'),
    quiet: given.has('quiet'),
    noKerberos: given.has('nokerberos') || given.has('registerssh'),
    noOidc: given.has('nooidc'),
    showBearerUrl: given.has('showbearerurl'),
    noBearerToken: given.has('nobearertoken'),
    credkey: value('credkey'),
    configDir: expand(value('configdir') ?? '~/.config/htgettoken'),
    secretPath: named(value('secretpath') ?? 'secret/oauth/creds/%issuer/%credkey:%role'),
    kerbPath: named(value('kerbpath') ?? 'auth/kerberos-%issuer_%role'),
    oidcPath: named(value('oidcpath') ?? 'auth/oidc-%issuer/oidc'),
    ttlSeconds,
    minTtlSeconds,
    vaultTokenFile: expand(vaultTokenFile),
    vaultTokenInFile: expand(
      (value('vaulttokeninfile') ?? '%vaulttokenfile').replace('%vaulttokenfile', vaultTokenFile),
    ),
    outFile: expand(value('outfile') ?? env.BEARER_TOKEN_FILE ?? `${env.XDG_RUNTIME_DIR ?? '/tmp'}/bt_u%uid`),
    minSecs: Number(minSecs),
    scopes: value('scopes'),
    audience: value('audience'),
    caFile: value('cafile') ?? (env.SSL_CERT_FILE || '/etc/ssl/certs/ca-certificates.crt'),
    caPath: value('capath') ?? (env.X509_CERT_DIR || '/etc/grid-security/certificates'),
  }
}

export const isDeviceFile = (path: string) => /^\/dev\/(std|fd)/.test(path)

/** As Python's optparse: `--name=value`, `--name value`, `-xvalue`, several short flags in a word, and long names cut short where that is clear. */
function takeWords(words: readonly string[]): Map<string, string> {
  const given = new Map<string, string>()
  const queue = [...words]
  const take = (name: string, attached: string | undefined, shown: string) => {
    if (flags.includes(name)) return void given.set(name, '')
    const next = attached ?? queue.shift()
    if (next === undefined) throw new WrongUse(`error: ${shown} option requires 1 argument`)
    given.set(name, next)
  }
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const [, long, attached] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
    if (long) {
      take(findLong(long), attached, `--${long}`)
    } else if (/^-./.test(word)) {
      for (let letters = word.slice(1); letters !== ''; ) {
        const name = short[letters[0] as string]
        if (!name) throw new WrongUse(`error: no such option: -${letters[0]}`)
        const rest = letters.slice(1)
        const takesRest = values.includes(name)
        take(name, takesRest && rest !== '' ? rest : undefined, `-${letters[0]}`)
        letters = takesRest ? '' : rest
      }
    } else {
      throw new WrongUse('no non-option arguments expected')
    }
  }
  return given
}

function findLong(name: string): string {
  const all = [...flags, ...values]
  if (all.includes(name)) return name
  const possible = all.filter((long) => long.startsWith(name))
  if (possible.length > 1) throw new WrongUse(`error: ambiguous option: --${name}`)
  return possible[0] ?? throwWrongUse(`error: no such option: --${name}`)
}

function throwWrongUse(text: string): never {
  throw new WrongUse(text)
}

function toSeconds(text: string, option: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (!count) throw new Fatal(`${option} is not a number followed by s, m, h, or d`)
  return Number(count) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd']
}

function toUrl(server: string): string {
  const url = server.includes('://') ? server : `https://${server}`
  return (url.split('/')[2] ?? '').includes(':') ? url : `${url}:8200`
}
