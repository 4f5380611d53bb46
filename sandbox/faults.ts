/** The faults a sandbox can be given: their names, their values, and `faults.json`, which every stand-in reads anew at each call. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from '../shared/config/read/problem.ts'
import { z } from '../shared/contracts/zod.ts'

const flag = z.boolean().optional()
const names = z.array(z.string().regex(/^[\w.+-]+$/, 'expected a name')).optional()
const seconds = z.number().positive().optional()

/** What the token issuer of the site iam can be made to say: of itself, or in place of a token. */
export const strangeAnswers = [
  ...(['garbage', 'endless', 'redirect', 'moved', 'another-issuer', 'insecure'] as const),
  ...(['opaque', 'no-expiry', 'opaque-no-expiry', 'no-token', 'other-type'] as const),
] as const
export type StrangeAnswer = (typeof strangeAnswers)[number]

/** `faults.json`: an absent key means that the fault is off. Lists name services, nodes, credds or collectors (short or full host names). */
export const faultsSchema = z.strictObject({
  'node-down': names.describe('NODE: its sshd does not run'),
  'node-black-hole': names.describe('NODE: whoever connects to it hears nothing at all'),
  'kdc-down': flag.describe('the KDC does not run'),
  'credd-down': names.describe('CREDD: condor_store_cred cannot connect'),
  'credd-hangs': names.describe('CREDD: condor_store_cred waits until it is killed'),
  'credd-refuses': names.describe('CREDD: lets no account write'),
  'credd-new-keys': names.describe('CREDD: takes no ticket from before this fault, since it has new keys'),
  'credd-refuses-login': names.describe('CREDD: takes no Kerberos login'),
  'credd-forgets': names.describe('CREDD: says it stored the credential and keeps nothing'),
  'credd-misconfigured': names.describe('CREDD: has no directory for credentials'),
  'credmon-down': names.describe('CREDD: no credential monitor looks at what is stored'),
  'untrusted-vault-host': names.describe('CREDD: refuses credentials of this Vault host'),
  'collector-down': names.describe('COLLECTOR: condor_status cannot connect'),
  'needs-onboarding': names.describe('SERVICE: Vault has no refresh token, somebody must log in'),
  'permission-denied': names.describe('SERVICE: Vault refuses to give the bearer token'),
  'bearer-refused': names.describe('SERVICE: its issuer refuses bearer tokens with fewer rights'),
  'issuer-down': names.describe('SERVICE: its token issuer does not answer Vault'),
  'issuer-unknown': names.describe('SERVICE: Vault cannot find the token issuer that it is configured for'),
  'issuer-refuses-vault': names.describe('SERVICE: its token issuer refuses Vault’s own client'),
  'login-revoked': names.describe('SERVICE: its token issuer does not take the experiment’s login any more'),
  'ticket-refused': names.describe('SERVICE: Vault refuses its Kerberos tickets (401)'),
  'vault-tokens-revoked': names.describe('SERVICE: Vault refuses the vault tokens that it gave until now'),
  'vault-down': flag.describe('connections to Vault are reset'),
  'vault-hangs': flag.describe('Vault accepts connections and never answers'),
  'vault-error': z
    .int()
    .min(500)
    .max(599)
    .optional()
    .describe('STATUS: Vault answers every request with this 5xx'),
  'vault-sealed': flag.describe('Vault is sealed, as after a restart: it answers, and does nothing'),
  'vault-tls': flag.describe('Vault shows a certificate that nobody trusts'),
  'vault-rate-limit': seconds.describe('SECONDS: Vault answers 429 for so long, from the next request on'),
  'vault-quota': z
    .string()
    .regex(/^[1-9]\d*\/[1-9]\d*$/, 'expected REQUESTS/SECONDS')
    .optional()
    .describe(
      'REQUESTS/SECONDS: Vault serves a client so many in that time, then answers it 429 for as long',
    ),
  'lookup-rate-limit': flag.describe('Vault answers 429 to whoever asks how long a token lives'),
  'storer-hangs': names.describe(
    'SERVICE: condor_vault_storer (storing directly, htgettoken) hangs with a child, both immune to SIGTERM',
  ),
  'storer-prints-much': names.describe(
    'SERVICE: condor_vault_storer (directly, htgettoken) prints 64 MB before its work',
  ),
  'storer-stores-nothing': names.describe(
    'SERVICE: condor_vault_storer (directly, condor_store_cred) exits 0 and has stored nothing',
  ),
  'storer-wrong-service': names.describe(
    'SERVICE: condor_vault_storer (directly, htgettoken) leaves a bearer token of another service',
  ),
  'scope-mismatch': names.describe('SERVICE: a credential with other scopes is stored in the credd'),
  'old-condor': flag.describe('HTCondor is 10.0.5, which does not know CONDOR_VAULT_STORER_ID'),
  'iam-down': flag.describe('site iam: connections to the token issuer are reset'),
  'iam-hangs': flag.describe('site iam: the token issuer accepts connections and never answers'),
  'iam-error': z
    .int()
    .min(500)
    .max(599)
    .optional()
    .describe('STATUS: site iam: the token issuer answers every request with this 5xx'),
  'iam-rate-limit': seconds.describe(
    'SECONDS: site iam: the token issuer answers 429 for so long, from the next request on',
  ),
  'iam-refuses': z
    .string()
    .regex(
      /^invalid_(client|grant|scope|target)$/,
      'expected invalid_client, invalid_grant, invalid_scope or invalid_target',
    )
    .optional()
    .describe('ERROR: site iam: the token issuer refuses every token with this error'),
  'iam-clock': z
    .int()
    .min(-86_400)
    .max(86_400)
    .optional()
    .describe('SECONDS: site iam: the token issuer’s clock is so far ahead (or, negative, behind)'),
  'iam-tls': z
    .string()
    .regex(/^(unknown|expired)$/, 'expected unknown or expired')
    .optional()
    .describe('KIND: site iam: the token issuer’s certificate is of an unknown authority, or expired'),
  'iam-answers': z
    .string()
    .refine((kind): kind is StrangeAnswer => strangeAnswers.some((one) => one === kind))
    .optional()
    .describe(`KIND: site iam: strange answers (${strangeAnswers.join(', ')})`),
  'iam-rollover': flag.describe('site iam: the token issuer signs with its next key'),
  'ferry-down': flag.describe('connections to FERRY are reset'),
  'mail-down': flag.describe('connections to the mail server are reset'),
  'mail-hangs': flag.describe('the mail server accepts connections and says nothing'),
  'mail-refuses': z
    .int()
    .min(400)
    .max(599)
    .optional()
    .describe('STATUS: the mail server answers every addressee with this SMTP code'),
  'mail-tls': flag.describe('the mail server shows a certificate that nobody trusts'),
  'slack-hangs': flag.describe('Slack takes posts and never answers'),
  'slack-error': z.int().min(400).max(599).optional().describe('STATUS: Slack answers every post with this'),
  'slack-rate-limit': seconds.describe('SECONDS: Slack answers 429 and wants such a pause'),
})
export type Faults = Readonly<z.output<typeof faultsSchema>>
export type FaultName = keyof Faults

/**
 * Reads one `--fault NAME[=VALUE]` of the command line. Lists take one name or several with commas.
 * @throws Error that names the nearest fault, or lists all, when the name is unknown, and what is expected of a value.
 */
export function parseFault(text: string): Faults {
  const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? []
  if (!Object.hasOwn(faultsSchema.shape, name)) {
    const near = nearest(name, Object.keys(faultsSchema.shape))
    throw new Error(
      `unknown fault "${name}"; ${near ? `did you mean ${near}?` : `known are:\n${listFaults()}`}`,
    )
  }
  const parsed = faultsSchema.safeParse({ [name]: parseValue(name as FaultName, value) })
  if (!parsed.success)
    throw new Error(`fault "${text}" has a wrong value; expected --fault ${describe(name as FaultName)}`)
  return parsed.data
}

/** Joins faults given one by one: lists grow, other values are replaced by later ones. */
export function joinFaults(...parts: readonly Faults[]): Faults {
  const joined: Record<string, unknown> = {}
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      const before = joined[name]
      joined[name] =
        Array.isArray(before) && Array.isArray(value) ? [...new Set([...before, ...value])] : value
    }
  }
  return faultsSchema.parse(joined)
}

/** Makes these, and only these, the active faults of the sandbox in `dir`; a reader sees the old set or the new one. */
export function writeFaults(dir: string, faults: Faults): void {
  const file = join(dir, 'faults.json')
  const text = `${JSON.stringify(faultsSchema.parse(faults))}\n`
  mkdirSync(dir, { recursive: true })
  writeFileSync(`${file}.${process.pid}`, text)
  renameSync(`${file}.${process.pid}`, file)
}

/** One line a fault, for usage texts. */
export function listFaults(): string {
  return (Object.keys(faultsSchema.shape) as FaultName[]).map((name) => `  ${describe(name)}`).join('\n')
}

function describe(name: FaultName): string {
  const [, value, text] = /^(?:([A-Z/]+): )?(.*)$/s.exec(faultsSchema.shape[name].description ?? '') ?? []
  return `${`${name}${value ? `=${value}` : ''}`.padEnd(34)} ${text}`
}

function parseValue(name: FaultName, value: string | undefined): unknown {
  const kind = faultsSchema.shape[name].unwrap()
  if (kind instanceof z.ZodBoolean) return value === undefined ? true : value
  if (kind instanceof z.ZodArray) return value?.split(',') ?? null
  if (kind instanceof z.ZodString) return value ?? null
  return value ? Number(value) : null
}
