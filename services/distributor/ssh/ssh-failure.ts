/** What ssh says when it does not get through (OpenSSH 7 to 9.2), and which reason that is; both transports go by it. Pure. */
import type { CommandOutcome } from '../../../shared/commands/command.ts'
import { type Failure, failure, isPermanent, Permanent, Transient } from '../../../shared/contracts/errors.ts'
import { cleanLine, lastLine } from '../../../shared/contracts/one-sentence.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import type { Push } from '../transport/push.ts'
import { complaintOfWay, readSshWords, type SshWords } from './ssh-words.ts'

/** Why a push did not get as far as its files: the code, and the words about the node that people are shown. */
export interface Diagnosis {
  readonly code: ReasonCode
  readonly why: string
}

type Texts = readonly (readonly [RegExp, ReasonCode])[]

/**
 * Before the login. The first match counts. Each is a whole phrase from the start of a line: a node's banner arrives on
 * stderr too, and may speak of refusals as it likes.
 */
const beforeLogin: Texts = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|^@ +WARNING: REVOKED HOST KEY/m, 'host-key-changed'],
  // With BatchMode that is all it says of a key that it does not know.
  [/^Host key verification failed|^No \S+ host key is known for/m, 'host-key-unknown'],
  [/^ssh: Could not resolve hostname/m, 'node-unknown'],
  [/^ssh: connect to host \S+ port \d+: Connection refused/m, 'connection-refused'],
  [
    /^ssh: connect to host \S+ port \d+: |^Connection timed out during banner exchange|^banner exchange: .*timed out/m,
    'node-unreachable',
  ],
  [
    /^\S+: Permission denied \(|^Received disconnect from .*Too many authentication failures/m,
    'kerberos-refused',
  ],
  // sshd with MaxStartups connections that have not logged in yet, or without a process to spare.
  [
    /^(kex|ssh)_exchange_identification: (Connection closed by remote host|read: Connection reset)/m,
    'connection-dropped',
  ],
  // From PAM: the ticket was good, the account is not. Where it has no words for that, the connection ends.
  [
    /^(Your (account|password) has expired|Account \S+ has expired|System is (going down|booting up))|^Connection closed by \S+ port \d+/m,
    'login-refused',
  ],
  [
    /^(Connection (to \S+ )?(closed|reset)|(kex|ssh)_exchange_identification:|client_loop:|Timeout, server|Received disconnect|Disconnected from|\S+: Broken pipe)/m,
    'connection-lost',
  ],
]

/** The same of a host or program on the way to the node, which has no name in the configuration. */
const onTheWay: Texts = [
  ...beforeLogin.filter(([, code]) => code.startsWith('host-key') || code === 'kerberos-refused'),
  // Twice: of the host on the way, and of the node that could not be had through it.
  [/^(kex|ssh)_exchange_identification: [\s\S]*^(kex|ssh)_exchange_identification: /m, 'connection-dropped'],
]

/** ssh's own words for a connection that ends after the login. */
const connectionLost =
  /^(Connection (to \S+ )?(closed|reset)|client_loop:|Timeout, server|Received disconnect|Disconnected from|\S+: Broken pipe)/m

/** What says so in the place of a shell: nologin, an account for sftp alone, PAM's demand for another password. */
const refusesLogin =
  /^(This account is currently not available|This service allows sftp connections only|(WARNING: )?Your (account|password) has expired|Password change required but no TTY|You are required to change your password|System is (going down|booting up))/m

/** The diagnosis of `program`'s run for `push`. `wasOpen`: it went over a connection that was there already. */
export function diagnose(
  { entry: { account, identityFile } }: Pick<Push, 'entry'>,
  program: string,
  outcome: CommandOutcome,
  wasOpen = false,
): Diagnosis {
  const words = readSshWords(outcome.stderr)
  if (outcome.kind === 'missing') return { code: 'push-failed', why: `${program} ${outcome.reason}` }
  if (outcome.kind === 'killed') return { code: 'push-failed', why: `${program} was ended` }
  const gotIn = words.hasLoggedIn || wasOpen || outcome.stdout !== ''
  if (outcome.kind === 'timeout') return gotIn ? stuck : { ...noLogin, why: viaWay(words, noLogin.why) }
  // Of the exit codes of ssh and rsync this one alone may be about the connection.
  const isOfSession = program === 'ssh' && outcome.exitCode !== 255
  if (words.hasLoggedIn || isOfSession) return ofSession(account, program, outcome, words)
  const found = ofConnection(words)
  if (found?.code === 'kerberos-refused' && identityFile !== undefined) return ofKey(found, words)
  return found ?? { code: 'push-failed', why: lastLine(outcome.stderr) || `${program} failed` }
}

/** ssh's own complaint of the key file, which it then does without. */
const keyComplaint = /^(?:Load key "[^"]*"|no such identity: \S+): (.+)$/m

function ofKey({ why }: Diagnosis, { before, isProxied }: SshWords): Diagnosis {
  const complaint = keyComplaint.exec(before)?.[1]
  if (complaint)
    return { code: 'key-refused', why: `identityFile cannot be used here: ${cleanLine(complaint)}` }
  const refused =
    'sshd refused the key: it is not in the account’s authorized_keys, or there is no such account'
  return { code: 'key-refused', why: isProxied ? why : refused }
}

/** The reason alone. */
export const reasonOfSsh = (outcome: CommandOutcome, program = 'ssh'): ReasonCode =>
  diagnose({ entry: { account: '' } as Push['entry'] }, program, outcome).code

const stuck: Diagnosis = {
  code: 'push-timeout',
  why: 'it lets the account log in, and no answer comes from the shell or the disk there',
}
const noLogin: Diagnosis = { code: 'node-unreachable', why: 'nobody could log in there in time' }

/** What ssh said before anybody had logged in. */
function ofConnection(words: SshWords): Diagnosis | undefined {
  const { before, isProxied } = words
  const found = (isProxied ? onTheWay : beforeLogin).find(([text]) => text.test(before))?.[1]
  if (isProxied) return { code: found ?? 'node-unreachable', why: viaWay(words, found && ofWay[found]) }
  return found && { code: found, why: describe(found, before) ?? lastLine(before) }
}

function viaWay({ before, isProxied }: SshWords, why: string | undefined): string {
  if (!isProxied) return why ?? 'it cannot be reached'
  const said = complaintOfWay(before)
  const way = said ? `which says: ${cleanLine(said)}` : 'which ended without a word'
  return `${why ?? 'it cannot be reached'}; the way leads through a jump host or another program, ${way}`
}

const described: Partial<Record<ReasonCode, string>> = {
  'host-key-changed': 'its host key is not the known one',
  'host-key-unknown': 'its host key is not known here',
  'node-unknown': 'its name is unknown',
  'connection-refused': 'nothing listens on its ssh port',
  'node-unreachable': 'it cannot be reached',
  'connection-dropped':
    'sshd closed the connection before its greeting: too many at once (MaxStartups), or no process to spare',
  'connection-lost': 'the connection was lost',
}

const ofWay: Partial<Record<ReasonCode, string>> = {
  'host-key-changed': 'a host key on the way to it is not the known one',
  'host-key-unknown': 'a host key on the way to it is not known here',
  'kerberos-refused': 'a host on the way to it refused the login',
  'connection-dropped':
    'a host on the way to it closed the connection before its greeting: too many at once (MaxStartups), or no process to spare',
}

function describe(code: ReasonCode | undefined, before: string): string | undefined {
  if (code === 'kerberos-refused') return describeRefusal(before)
  if (code === 'login-refused' && !/expired|System is/.test(before))
    return 'sshd closed the connection at the login: PAM refuses the account (expired, access.conf), or sshd ended'
  return code && described[code]
}

/** sshd says the same of a ticket that it does not take and of an account that it does not know. */
function describeRefusal(before: string): string {
  const offered = /: Permission denied \(([^)]{0,200})\)/.exec(before)?.[1]
  if (offered !== undefined && !offered.includes('gssapi'))
    return `its sshd takes no Kerberos login, only ${cleanLine(offered)}`
  return 'sshd refused the login: the node’s keytab or the account’s .k5login does not fit, or there is no such account'
}

/** The account has logged in, and took none or not all of the files. */
function ofSession(
  account: string,
  program: string,
  outcome: CommandOutcome & { readonly kind: 'exited' },
  { after, before, hasLoggedIn }: SshWords,
): Diagnosis {
  const stderr = hasLoggedIn ? after : before
  const mayBeLost = hasLoggedIn && (outcome.exitCode === 255 || program !== 'ssh')
  if (mayBeLost && connectionLost.test(after))
    return { code: 'connection-lost', why: 'the connection was lost' }
  const said = lastLine(withoutOurs(stderr)) || lastLine(withoutOurs(outcome.stdout)) || lastLine(stderr)
  if (refusesLogin.test(`${outcome.stdout}\n${stderr}`)) return { code: 'login-refused', why: said }
  const end = outcome.exitCode === 0 ? 'ended as if all were well' : `ended with code ${outcome.exitCode}`
  const last = said ? `${end} and said: ${said}` : `${end} and said nothing`
  if (hasBegun(program, outcome)) return { code: 'push-failed', why: `what ran there ${last}` }
  return {
    code: 'shell-failed',
    why: `the login shell of ${account}, or a start-up file of it, ${last}, before the files were taken`,
  }
}

/** Lines of place.sh and of rsync here, which are no reason. */
const withoutOurs = (text: string) => text.replaceAll(/^(managed-tokens: |rsync: |rsync error: ).*$/gm, '')

/** Whether what was to run on the node did run. */
const hasBegun = (program: string, { stdout, stderr }: CommandOutcome) =>
  program === 'ssh'
    ? /^managed-tokens: \d/m.test(stdout)
    : !/connection unexpectedly closed \(0 bytes received|remote command not found/.test(stderr)

/** A failure that may pass, with the words that fit every other push to the node too. */
export class NodeFailure extends Transient {
  readonly why: string
  constructor(failed: Failure, why: string) {
    super(failed)
    this.why = why
  }
}

/** The error of a push that did not get as far as its files. */
export function nodeError(
  { entry, node }: Pick<Push, 'entry' | 'node'>,
  code: ReasonCode,
  why: string,
): Permanent | NodeFailure {
  const failed = failure(code, `No token of ${entry.service} on ${node}: ${why}.`, entry)
  return isPermanent(code) ? new Permanent(failed) : new NodeFailure(failed, why)
}

/** The error of `program`'s run that did not get as far as the files. */
export function connectionError(
  push: Pick<Push, 'entry' | 'node'>,
  program: string,
  outcome: CommandOutcome,
  wasOpen = false,
): Permanent | NodeFailure {
  const { code, why } = diagnose(push, program, outcome, wasOpen)
  return nodeError(push, code, why)
}
