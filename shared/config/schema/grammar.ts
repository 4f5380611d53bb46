/** What a name may look like that reaches a command line, a file name or an address: none can become an option or a shell word. */
import { z } from '../../contracts/zod.ts'
import { parseAddress } from './mail-address.ts'
import { splitWords } from './words.ts'

type Check = (text: string) => boolean

/** A text schema whose refusal quotes what was found and says what was expected. `tidy` brings what is the same into one form. */
const named = (expected: string, accepts: Check, tidy: (text: string) => string = (text) => text) =>
  z
    .string()
    .overwrite(tidy)
    .refine(accepts, { error: (issue) => `${quote(issue.input)} is not ${expected}` })
    .meta({ expected })

/** A value as it may appear in a message: one line, no control characters, not endless. */
export function quote(value: unknown): string {
  const text = JSON.stringify(String(value)).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?')
  return text.length > 80 ? `${text.slice(0, 76)}…"` : text
}

const isHostName: Check = (text) => {
  if (text.length > 253) return false
  const labels = text.split('.')
  if (!labels.every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/.test(label))) return false
  // A last label of digits alone can only be an IPv4 address (RFC 3696, 2).
  if (!/^\d+$/.test(labels.at(-1) ?? '')) return true
  return (
    labels.length === 4 && labels.every((label) => /^(?:0|[1-9]\d{0,2})$/.test(label) && Number(label) < 256)
  )
}

const isPort: Check = (text) => /^[1-9]\d{0,4}$/.test(text) && Number(text) < 65536

const isHostAndPort: Check = (text) => {
  const [host = '', port, ...rest] = text.split(':')
  return rest.length === 0 && isHostName(host) && (port === undefined || isPort(port))
}

const isAbsolutePath: Check = (text) =>
  text.length < 1024 && /^\/[A-Za-z0-9._@%+=:,~/-]*$/.test(text) && !text.split('/').includes('..')

/** `host.lab.example.`, as DNS writes a full name, is `host.lab.example` to everybody who compares names. */
const withoutRootDot = (text: string) => (/^[^.]+(\.[^.]+)+\.$/.test(text) ? text.slice(0, -1) : text)

/** As it stands behind a host's colon. */
export const portNumber = named('a port', isPort)

/** A DNS name or an IPv4 address; the dot that may end a full name is taken off. */
export const hostName = named('a host name (DNS name or IPv4 address)', isHostName, withoutRootDot)

/**
 * A credd or schedd by HTCondor's name: `host`, or `name@host` where a host has several; with the port where HTCondor shall
 * not look it up. `undefined` and `error` are what HTCondor's programs print in the place of a name that is not there.
 */
export const creddName = named(
  'a credd (host or name@host, with or without :port)',
  (text) => {
    const [host = '', name, ...rest] = text.split('@').reverse()
    return (
      rest.length === 0 &&
      isHostAndPort(host) &&
      (name === undefined || /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/.test(name)) &&
      !['undefined', 'error'].includes(text.toLowerCase())
    )
  },
  withoutRootDot,
)

/** A collector as condor_status takes it: `host`, `host:port`, `host:port?sock=collector`. */
export const collectorHost = named('a collector (host, host:port or host:port?sock=name)', (text) => {
  const [address = '', ...query] = text.split('?')
  return (
    isHostAndPort(address) &&
    query.length < 2 &&
    query.every((part) => /^[A-Za-z0-9=&._-]{1,200}$/.test(part))
  )
})

/** `host`, `host:port` or `https://host[:port]`: Vault is only ever asked over TLS. */
export const vaultServer = named(
  'a Vault server (host, host:port or https://host[:port])',
  (text) => isHostAndPort(text.replace(/^https:\/\//, '')),
  (text) => text.replace(/(?<=[^/])\/$/, ''),
)

/** A login name on the nodes; also a part of keytab paths. */
export const accountName = named(
  'an account name (letters, digits, "_", "-" and ".", not starting with "-" or ".")',
  (text) => /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/.test(text) && !/^\d+$/.test(text) && !text.includes('..'),
)

/** A role: the part of an entry's name after its last underscore. */
export const roleName = named('a role (letters and digits only)', (text) => /^[A-Za-z0-9]{1,64}$/.test(text))

const isExperiment: Check = (text) =>
  /^[A-Za-z0-9](?:[A-Za-z0-9+=_.-]{0,62}[A-Za-z0-9])?$/.test(text) && !text.includes('..')

/** An experiment as configured: may hold underscores, since only the real one reaches the token issuer. */
export const experimentName = named(
  'an experiment name (letters, digits and "-", "_", ".", "+", "=" between them)',
  isExperiment,
)

/** The experiment the token issuer knows. condor_vault_storer dies of a second underscore in a service. */
export const realExperimentName = named(
  'an experiment the token issuer can know (letters, digits and "-", ".", "+", "=" between them; no underscore, condor_vault_storer takes one in a service and that stands before the role)',
  (text) => isExperiment(text) && !text.includes('_'),
)

/** A service or entry name: `<experiment>_<role>`. */
export const serviceName = named('a service name (<experiment>_<role>)', (text) => {
  const cut = text.lastIndexOf('_')
  return cut > 0 && isExperiment(text.slice(0, cut)) && /^[A-Za-z0-9]{1,64}$/.test(text.slice(cut + 1))
})

/** An absolute path without `..`, blanks, quotes or anything else a shell would read. */
export const absolutePath = named(
  'an absolute path (letters, digits and . _ @ % + = : , ~ - only, no ".." in it)',
  isAbsolutePath,
)

/** The same of a file that a template names: nothing in it that two spellings of one place could differ by. */
export const filePlace = named(
  'the absolute path of a file (letters, digits and . _ @ % + = : , ~ - only, no "..", "//" or "/./" in it, names of at most 255)',
  (text) =>
    isAbsolutePath(text) &&
    text
      .slice(1)
      .split('/')
      .every((name) => name !== '' && name !== '.' && name.length < 256),
)

/** A program: a bare name found through PATH, or an absolute path. */
export const programPath = named(
  'a program (a bare name or an absolute path)',
  (text) =>
    /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,254}$/.test(text) || (isAbsolutePath(text) && !text.endsWith('/')),
)

/** A Kerberos principal, with or without realm: `user`, `user/purpose/host@REALM`. */
export const principal = named('a Kerberos principal (name[/part…][@REALM])', (text) =>
  /^[A-Za-z0-9_][A-Za-z0-9_.$+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.$+-]*)*(?:@[A-Za-z0-9][A-Za-z0-9.-]*)?$/.test(
    text,
  ),
)

/** `--credkey` of htgettoken: the last part but one of Vault's secret path. */
export const credkey = named('a credkey (a principal without its realm)', (text) =>
  /^[A-Za-z0-9_][A-Za-z0-9_.$+@-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.$+@-]*)*$/.test(text),
)

/** What a bearer token may be used for (RFC 6749, 3.3, without what would end a word or a list): `storage.read:/dune`. */
export const tokenScope = named(
  'a scope (such as compute.read or storage.read:/path)',
  (text) =>
    /^[A-Za-z][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9/._~@%+=:-]{1,255})?$/.test(text) &&
    !text.split(/[:/]/).includes('..'),
)

/** Who may accept a bearer token: a URL or a name. */
export const audience = named('an audience (a URL or a name)', (text) =>
  /^[A-Za-z0-9][A-Za-z0-9/._~@%+=:-]{0,255}$/.test(text),
)

/** The end of a bearer token's file name. */
export const bearerPurpose = named('a purpose (letters, digits, "_", "-" and "." between them)', (text) =>
  /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$/.test(text),
)

/** A Kerberos realm. */
export const realm = named('a Kerberos realm (letters, digits, "." and "-")', (text) =>
  /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(text),
)

const isAddress: Check = (text) => {
  const [user = '', host = '', ...rest] = text.split('@')
  return (
    rest.length === 0 &&
    /^[A-Za-z0-9!#$%&'*+/=?^_{|}~.-]{1,64}$/.test(user) &&
    !user.startsWith('-') &&
    isHostName(host)
  )
}

/** One e-mail address, a name in front of it taken off: nothing that could add a header or a second recipient. */
export const emailAddress = named(
  'an e-mail address (user@host)',
  isAddress,
  (text) => parseAddress(text)?.address ?? text,
)

/** Addresses, each once. In one text, names in front of them are none of the words that separate them. */
export const emailAddresses = z
  .array(emailAddress)
  .overwrite((list) => [...new Map(list.map((one) => [one.toLowerCase(), one])).values()])
  .meta({ words: 'addresses' })

/** Who mails are from: an address, with a name in front or not. */
export const sender = named('an e-mail address (user@host)', (text) => {
  const found = parseAddress(text)
  return found !== undefined && isAddress(found.address) && !/[\p{Cc}\p{Cf}]/u.test(found.name)
})

/** A path that is only opened by a program of ours or named in a message: absolute or relative, one line. */
export const filePath = named(
  'a path (one line, not starting with "-")',
  (text) => /^[^-\p{Cc}\p{Cf}][^\p{Cc}\p{Cf}]*$/u.test(text) && !text.split('/').includes('..'),
)

/** A label for people: one line of visible characters. */
export const label = named('one short line of text', (text) => /^[^\p{Cc}\p{Cf}]{1,200}$/u.test(text))

/** A ClassAd expression: one line, which may be as long as one is in HTCondor's own files. */
export const classAdConstraint = named('a constraint (one line of text)', (text) =>
  /^[^\p{Cc}\p{Cf}]{1,10000}$/u.test(text),
)

/** The name of a token issuer in the file; keys are folded to lower case. */
export const issuerName = named(
  'the name of an issuer (letters, digits, "_", "-" and "." between them)',
  (text) => /^[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?$/.test(text),
  (text) => text.toLowerCase(),
)

/** A token issuer is only ever asked over TLS. The slash at its end, if any, is part of its name. */
export const issuerUrl = named(
  'the URL of an issuer (https://host[:port][/path], without ? and #)',
  (text) => /^https:\/\/[^\s?#@]+$/.test(text) && URL.canParse(text),
)

/** A host, with `https://` before it or not. */
export const httpsHost = named(
  'a host name (DNS name or IPv4 address), with https:// before it or not',
  isHostName,
  (text) => withoutRootDot(text.replace(/^https:\/\//i, '').replace(/\/$/, '')),
)

/** Words for a program, as a shell would split them; quotes group, nothing is expanded. */
export const commandWords = named(
  'words for a command line (one line, every quote closed)',
  (text) => !/\p{Cc}/u.test(text) && splitWords(text) !== undefined,
)

/** True for an http or https URL. */
export const isWebUrl = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
