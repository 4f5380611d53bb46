/** What htgettoken 2.x says when it fails, alone or several times inside condor_vault_storer, and which reason that is. Pure. */
import type { CommandOutcome } from '../commands/command.ts'
import { type ReasonCode, reasons } from '../contracts/reasons.ts'
import { type VaultAnswer, vaultAnswers } from './answers.ts'
import { type IssuerVerdict, judgeIssuer } from './issuer-texts.ts'

// Not by `import`: that would evaluate every export of node:http, a web client included, a tenth of a daemon's start.
const { STATUS_CODES } = process.getBuiltinModule('node:http')

export interface VaultVerdict {
  /** Undefined where it says nothing known. */
  readonly code: ReasonCode | undefined
  /** The token issuer's name, where Vault says it. */
  readonly issuer?: string
  /** Another ticket might not have met this. */
  readonly ticketRefused: boolean
  /** The kept vault token is no good any more. */
  readonly keptRefused: boolean
  /** What decided, as Vault or Python said it. */
  readonly said: string
}

/**
 * The last answer decides: a kept vault token that was refused is followed by a login, and its answer counts. A person has to
 * log in only where Vault has no login of the experiment, or the issuer refused the one it has.
 */
export function judgeVault(outcome: CommandOutcome): VaultVerdict {
  // Alone, htgettoken says its last word on stderr; inside the storer, everything.
  const answers = vaultAnswers(`${outcome.stdout}\n${outcome.stderr}`)
  const last = answers.at(-1)
  const verdict = last && outcome.kind !== 'timeout' ? judge(last) : undefined
  return {
    code: outcome.kind === 'timeout' ? 'timeout' : verdict?.code,
    ...(verdict?.issuer !== undefined && { issuer: verdict.issuer }),
    ticketRefused: last !== undefined && verdict !== undefined && isOfTicket(last, verdict),
    keptRefused: answers.some((answer, at) => refusesKept(answer, at === answers.length - 1)),
    said: last?.step === 'other' ? '' : (last?.said ?? ''),
  }
}

export const reasonOfVault = (outcome: CommandOutcome): ReasonCode | undefined => judgeVault(outcome).code

function isOfTicket({ step, said }: VaultAnswer, { code }: IssuerVerdict): boolean {
  if (step === 'ticket') return code === 'ticket-unusable' || code === 'vault-login-refused'
  return step === 'login' && (code === 'vault-login-refused' || readStatus(said)?.status === 403)
}

/** Reading with it is followed by a login where it was refused; the last reading is one with a new token. */
function refusesKept({ step, said }: VaultAnswer, isLast: boolean): boolean {
  const answered = readStatus(said)
  const isRefusal = answered?.status === 403 || /missing client token/.test(answered?.errors ?? '')
  return isRefusal && (step === 'lookup' || (step === 'read' && !isLast))
}

function judge(answer: VaultAnswer): IssuerVerdict | undefined {
  const answered = readStatus(answer.said)
  if (answered) return judgeStatus(answer, answered)
  const code = answer.step === 'ticket' ? judgeTicket(answer.said) : judgeConnection(answer)
  return code && { code }
}

interface Answered {
  readonly status: number
  readonly errors: string
}

/** What a status is called, in small letters; some proxies write theirs otherwise. */
const numbers = new Map(
  [...Object.entries(STATUS_CODES), ['504', 'Gateway Time-out'], ['408', 'Request Time-out']].map(
    ([number, name = '']) => [name.toLowerCase(), Number(number)],
  ),
)

const answered = new RegExp(
  `^HTTPError: (?:HTTP Error )?(\\d{3})?:? ?(${[...numbers.keys()].join('|')})?:?\\s*([\\s\\S]*)$`,
  'i',
)

/** `HTTPError: Bad Request: token expired`, and with the number in other releases; a status without a name is a KeyError. */
function readStatus(said: string): Answered | undefined {
  const [, nameless] = /^KeyError: (\d{3})$/.exec(said) ?? []
  if (nameless) return { status: Number(nameless), errors: '' }
  const [whole, number, name = '', errors = ''] = answered.exec(said) ?? []
  if (whole === undefined) return undefined
  return { status: Number(number ?? numbers.get(name.toLowerCase()) ?? 0), errors }
}

function judgeStatus(answer: VaultAnswer, { status, errors }: Answered): IssuerVerdict | undefined {
  const { step, url } = answer
  if (status === 429) return { code: 'rate-limited' }
  if (isPage(errors) || passing.has(status)) return { code: 'vault-unreachable' }
  if (step === 'read' || step === 'keep') {
    const path = url.includes('/sts/') ? 'sts' : 'creds'
    const ofIssuer = status === 400 || status >= 500 ? judgeIssuer(stripList(errors), path) : undefined
    if (ofIssuer) return ofIssuer
    if (status === 404) return { code: errors === '' ? 'authentication-needed' : 'issuer-misconfigured' }
  }
  if (status >= 500) return { code: 'vault-unreachable' }
  if (status === 403) return { code: 'permission-denied' }
  if (step === 'login') return { code: 'vault-login-refused' }
  return status === 401 || /missing client token/.test(errors) ? { code: 'permission-denied' } : undefined
}

/** Vault answers in JSON: a proxy, or another server in Vault's place, in HTML. */
const isPage = (errors: string) => /^<(?:!doctype|html|head|body|h1)\b/i.test(errors)

/** Of the client's errors those that pass: it took too long, came too early, or to a standby. */
const passing: ReadonlySet<number> = new Set([408, 412, 425])

/** What Vault puts before the errors of a 500. */
const stripList = (errors: string) =>
  errors.replace(/^\d+ errors? occurred:\s{0,9}(?:[^\n\t]{0,60}\t)?\s{0,9}\* /, '')

/** Of Kerberos itself, before Vault was asked. The first match counts. */
const ticketTexts: readonly (readonly [RegExp, ReasonCode])[] = [
  [/Cannot contact any KDC|Cannot find KDC|Cannot resolve .{0,200}KDC|KDC unreachable/i, 'kdc-unreachable'],
  [/Clock skew too great|not yet valid/i, 'clock-skew'],
  [/Server .{0,200}not found in Kerberos database/i, 'vault-login-refused'],
]

const judgeTicket = (said: string): ReasonCode =>
  ticketTexts.find(([text]) => text.test(said))?.[1] ?? 'ticket-unusable'

/** Of Python's network and file libraries. The first match counts. None can be a host, a credkey or a path. */
const connectionTexts: readonly (readonly [RegExp, ReasonCode])[] = [
  [/No space left on device|Disk quota exceeded/i, 'disk-full-here'],
  [/ProxyError|Cannot connect to proxy|Tunnel connection failed/, 'proxy-failed'],
  [/UNEXPECTED_EOF_WHILE_READING|SSLEOFError|SSLZeroReturnError/, 'vault-unreachable'],
  [/SSLError|\[SSL: |CERTIFICATE_VERIFY_FAILED|certificate verify failed|x509: /i, 'vault-tls'],
  [
    /Connection refused|Name or service not known|No address associated|Failed to resolve|no ip address found|No route to host|Network is unreachable|timed out|Connection reset|Connection aborted|Temporary failure|RemoteDisconnected|BadStatusLine|IncompleteRead|ProtocolError|MaxRetryError|JSONDecodeError/i,
    'vault-unreachable',
  ],
]

function judgeConnection({ step, said }: VaultAnswer): ReasonCode | undefined {
  const found = connectionTexts.find(([text]) => text.test(said))?.[1]
  return found ?? (step === 'login' ? 'vault-login-refused' : undefined)
}

/** What is at fault, for those who are told of many failures at once: a host of Vault, or an issuer. */
export function vaultCause(
  code: ReasonCode,
  { vaultServer, issuer }: { readonly vaultServer: string; readonly issuer: string },
): string | undefined {
  const { cause } = reasons[code]
  if (cause === 'vault') return hostOf(vaultServer)
  return cause === 'issuer' ? `${issuer} at ${hostOf(vaultServer)}` : undefined
}

const hostOf = (server: string) =>
  URL.parse(server.includes('://') ? server : `https://${server}`)?.hostname ?? server

/** What these reasons are in a sentence; the storer's words are the same as htgettoken's. */
export const vaultWords: Partial<Record<ReasonCode, string>> = {
  'authentication-needed': 'nobody of the experiment has logged in there yet, or that login has ended',
  'permission-denied': 'Vault refused it',
  'vault-login-refused': 'Vault did not accept the Kerberos ticket, nor a new one',
  'ticket-unusable': 'its Kerberos ticket cannot be used, nor can a new one',
  'kdc-unreachable': 'no KDC answers',
  'clock-skew': 'this clock and the KDC’s differ too much',
  'bearer-refused': 'the token issuer does not give these scopes or this audience',
  'bearer-life-refused':
    'the token issuer’s bearer tokens do not live as long as minSeconds or minimumLifetime asks',
  'issuer-unreachable': 'Vault could not ask the token issuer',
  'issuer-misconfigured': 'the token issuer refuses Vault, or Vault’s settings for it are wrong',
  'rate-limited': 'Vault asks for a pause',
  'vault-unreachable': 'Vault cannot be reached',
  'vault-tls': 'Vault’s certificate was not accepted',
  'proxy-failed': 'the proxy on the way to Vault refuses, or is away',
  'disk-full-here': 'there is no space to write it here',
}
