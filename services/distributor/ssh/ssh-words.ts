/** Whose words are on ssh's stderr: ssh's own, the way's to the node, or the account's after it has logged in. Pure. */

export interface SshWords {
  /** The account has logged in (LogLevel=VERBOSE says so). */
  readonly hasLoggedIn: boolean
  /** Before that: of ssh, of sshd's banner, and of hosts and programs on the way. */
  readonly before: string
  /** After that: of the account's shell, and of ssh when the connection ends. */
  readonly after: string
  /** ssh was connected to a program, not to an address: ProxyJump or ProxyCommand. */
  readonly isProxied: boolean
}

/** With the host's address, or `(via proxy)`. */
const loggedIn = /^Authenticated to .* \((?:\[\S+\]:\d+|via proxy)\).*$/m
/** What it says at its end at this level. */
const farewell =
  /^(?:Transferred: sent \d+, received \d+ bytes|Bytes per second: sent [\d.]+, received [\d.]+).*$\n?/gm
/** How ssh names the other end of a connection that has no address. */
const noAddress = /\bUNKNOWN port 65535\b/

export function readSshWords(stderr: string): SshWords {
  const text = stderr.replaceAll('\r', '')
  const found = loggedIn.exec(text)
  const before = found ? text.slice(0, found.index) : text
  const after = found ? text.slice(found.index + found[0].length).replace(farewell, '') : ''
  const isProxied = noAddress.test(before) || (found?.[0].includes('(via proxy)') ?? false)
  return { hasLoggedIn: found !== null, before, after, isProxied }
}

/** ssh's own about the program that was to be the connection: it has none of the reason. */
const ofProxied =
  /^(?:stdio forwarding failed|(?:kex|ssh)_exchange_identification: .*|.*\bUNKNOWN port 65535\b.*|banner exchange: .*|Connection timed out during banner exchange)$/
const complaint =
  /fail|refus|time[d-]? ?out|not found|not known|denied|no such|no route|unreach|could not|cannot|closed|reset|prohibit|unknown|error|exceeded|bad|expired|invalid/i

/** The last complaint of a host or program on the way; undefined where it said nothing. */
export const complaintOfWay = (before: string): string | undefined =>
  before.split('\n').findLast((line) => complaint.test(line) && !ofProxied.test(line))
