/** Pushes files to a node over one ssh connection: a fixed script and everything secret travel on stdin, nothing in argv. */
import { readFileSync } from 'node:fs'
import { type CommandOutcome, runCommand } from '../../shared/command.ts'
import { commandEnvironment } from '../../shared/config/environment.ts'
import type { Entry } from '../../shared/config/site.ts'
import { failure, Permanent, type ReasonCode, Transient } from '../../shared/errors.ts'
import { lastLine } from '../../shared/outcome-text.ts'

/** A file to put on a node. `content` is one line without its newline. */
export interface PlacedFile {
  readonly path: string
  readonly mode: '400' | '644'
  readonly content: string
  /** A failure of this one is a warning, not a failed push. */
  readonly optional?: boolean
}

export interface SshOptions {
  readonly program: string
  readonly ccache: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const script = readFileSync(new URL('./place.sh', import.meta.url), 'utf8')
const endOfScript = '#--'

/** What the login shell runs, whichever it is: reads the script from stdin byte by byte, leaving the data behind it. */
const remoteCommand = `exec /bin/sh -c 'eval "$(while IFS= read -r l; do [ "$l" = "${endOfScript}" ] && break; printf "%s\\n" "$l"; done)"'`

/**
 * Puts the files on the node. Returns a warning about optional files, or undefined. Throws Permanent
 * (`host-key-changed`, `host-key-unknown`, `destination-squatted`, `wrong-owner` …) or Transient (`node-unreachable`, `disk-full` …).
 */
export async function pushBySsh(
  entry: Entry,
  node: string,
  uid: number,
  files: readonly PlacedFile[],
  options: SshOptions,
): Promise<string | undefined> {
  const said = await runCommand({
    // An ssh whose daemon was killed would push beside its successor's: the kernel ends it with the daemon.
    file: 'setpriv',
    name: 'ssh',
    args: ['--pdeathsig', 'KILL', '--', options.program, ...sshArguments(entry, node)],
    env: { ...commandEnvironment(), KRB5CCNAME: `FILE:${options.ccache}` },
    input: sshInput(uid, files),
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.node': node },
  })
  const outcome = withoutContents(said, files)
  const results = parseResults(outcome.stdout)
  const refused = results.get(0)
  if (refused) throw wrongOwner(entry, node, uid, refused)
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0 || results.size < files.length)
    throw sshError(entry, node, outcome)
  return judgeFiles(entry, node, files, results)
}

/** A login shell that echoes what it reads would have the token in the last line, which people are shown. Pure. */
export function withoutContents(outcome: CommandOutcome, files: readonly PlacedFile[]): CommandOutcome {
  const secrets = files.filter(({ mode }) => mode === '400').map(({ content }) => content)
  const hide = (text: string) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text)
  return { ...outcome, stdout: hide(outcome.stdout), stderr: hide(outcome.stderr) }
}

/**
 * ssh's argument list: the system's configuration, GSSAPI only, strict host keys, the account; then the operator's own
 * options. Of `-o` and `-l` ssh takes the first that it is given, of flags the last: so what counts stands on both sides
 * of the operator's words, and they cannot weaken it. Pure.
 */
export function sshArguments(entry: Pick<Entry, 'account' | 'sshOptions'>, node: string): string[] {
  const fixed = [
    'BatchMode=yes',
    'GSSAPIAuthentication=yes',
    'GSSAPIDelegateCredentials=no',
    'PreferredAuthentications=gssapi-with-mic',
    'StrictHostKeyChecking=yes',
    'UserKnownHostsFile=none',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    'LogLevel=INFO',
  ]
  return [
    ...['-F', '/etc/ssh/ssh_config', ...fixed.flatMap((option) => ['-o', option]), '-l', entry.account],
    ...entry.sshOptions,
    // No agent (-a), no delegated ticket (-k), no X11 (-x), no terminal (-T), whatever flags stand before.
    ...['-o', 'ConnectTimeout=30', '-a', '-k', '-x', '-T', '--', node, remoteCommand],
  ]
}

/** The script, its end mark, and the data it reads. Pure. */
export function sshInput(uid: number, files: readonly PlacedFile[]): string {
  const data = files.flatMap(({ path, mode, content }) => [path, mode, content])
  return [script.trimEnd(), endOfScript, String(uid), String(files.length), ...data, ''].join('\n')
}

/** The result of each file, by its number from 1; number 0 is the refusal of all. Other lines (a message of the day) are passed over. Pure. */
export function parseResults(stdout: string): Map<number, string> {
  return new Map(
    [...stdout.matchAll(/^managed-tokens: (\d+) (.*)$/gm)].map(([, number, result]) => [
      Number(number),
      result ?? '',
    ]),
  )
}

/** Throws for the first file that is not optional and not in place; returns a warning about one that is. Pure. */
export function judgeFiles(
  entry: Entry,
  node: string,
  files: readonly PlacedFile[],
  results: Map<number, string>,
): string | undefined {
  let warning: string | undefined
  for (const [index, file] of files.entries()) {
    const result = results.get(index + 1) ?? 'missing'
    if (result === 'ok') continue
    if (!file.optional) throw fileError(entry, node, file, result)
    warning = `${file.path} could not be written on ${node} (${result.split(' ')[0]}).`
  }
  return warning
}

function fileError(entry: Entry, node: string, { path }: PlacedFile, result: string): Error {
  const where = `${path} on ${node} (${entry.account})`
  if (result === 'disk-full')
    return new Transient(failure('disk-full', `No space for ${where}; the old token stays.`))
  if (result.startsWith('squatted'))
    return new Permanent(failure('destination-squatted', `Somebody else holds ${where}.`))
  if (result === 'no-directory')
    return new Permanent(failure('push-failed', `The directory of ${where} does not exist.`))
  return new Transient(failure('push-failed', `${where} could not be written: ${lastLine(result)}.`))
}

function wrongOwner(entry: Entry, node: string, uid: number, result: string): Error {
  const actual = result.split(' ')[1]
  return new Permanent(
    failure('wrong-owner', `${entry.account} has UID ${actual} on ${node}, not ${uid}: nothing was written.`),
  )
}

/**
 * What ssh says (OpenSSH 9.2), and which reason that is. The first match counts. Each is a whole phrase from the start of a
 * line: a node's banner and its shell's complaints arrive on stderr too, and may speak of refusals as they like.
 */
const texts: readonly (readonly [RegExp, ReasonCode])[] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|^@ +WARNING: REVOKED HOST KEY/m, 'host-key-changed'],
  // With BatchMode that is all it says of a key that it does not know.
  [/^Host key verification failed|^No \S+ host key is known for/m, 'host-key-unknown'],
  [/^ssh: Could not resolve hostname/m, 'node-unknown'],
  [/^ssh: connect to host \S+ port \d+: Connection refused/m, 'connection-refused'],
  [/^ssh: connect to host \S+ port \d+: |^Connection timed out during banner exchange/m, 'node-unreachable'],
  [
    /^\S+: Permission denied \(|^Received disconnect from .*Too many authentication failures/m,
    'kerberos-refused',
  ],
  [
    /^(Connection (to \S+ )?(closed|reset)|kex_exchange_identification:|client_loop:|Timeout, server|Received disconnect|Disconnected from|\S+: Broken pipe)/m,
    'connection-lost',
  ],
]

/** The reason for a push that did not get as far as its files. Pure. */
export function classify(outcome: CommandOutcome): ReasonCode {
  if (outcome.kind === 'timeout') return 'push-timeout'
  if (outcome.kind !== 'exited') return 'push-failed'
  return texts.find(([text]) => text.test(outcome.stderr))?.[1] ?? 'push-failed'
}

const permanentCodes: ReadonlySet<ReasonCode> = new Set(['host-key-changed', 'host-key-unknown'])

const described: Partial<Record<ReasonCode, string>> = {
  'host-key-changed': 'its host key is not the known one',
  'host-key-unknown': 'its host key is not known here',
  'node-unknown': 'its name is unknown',
  'connection-refused': 'nothing listens on its ssh port',
  'node-unreachable': 'it cannot be reached',
  'kerberos-refused': 'sshd refused the ticket',
  'connection-lost': 'the connection was lost',
  'push-timeout': 'it did not answer in time',
}

function sshError(entry: Entry, node: string, outcome: CommandOutcome): Error {
  const code = classify(outcome)
  const why = outcome.kind === 'missing' ? `ssh ${outcome.reason}` : (described[code] ?? whatItSaid(outcome))
  const failed = failure(code, `No token of ${entry.service} on ${node}: ${why}.`, entry)
  return permanentCodes.has(code) ? new Permanent(failed) : new Transient(failed)
}

/** A shell that refuses the account says so on stdout (nologin), everything else on stderr. */
const whatItSaid = ({ stderr, stdout }: CommandOutcome) =>
  lastLine(stderr) || lastLine(stdout) || 'ssh failed'
