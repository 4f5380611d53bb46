/**
 * Makes or renews an entry's vault token for nodes with htgettoken, unattended, and says what went wrong when it did not.
 * The files are small and lie in the daemon's own directory: each step there takes microseconds, and many times that when
 * it is handed to a thread.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { errorOf, failure } from '../../../shared/contracts/errors.ts'
import { cleanLine, lastLine } from '../../../shared/contracts/one-sentence.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { encodeToken } from '../../../shared/contracts/subjects.ts'
import { commonArguments } from '../../../shared/vault/htgettoken-arguments.ts'
import { judgeVault, vaultCause, vaultWords } from '../../../shared/vault/texts.ts'

export interface HtgettokenOptions {
  readonly program: string
  readonly vaultServer: string
  readonly caPath?: string | undefined
  /** Absent where nobody is to log in. */
  readonly ccache?: string
  /** Private directory (0700) that keeps the entry's token between runs. */
  readonly directory: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export interface VaultToken {
  /** The value, without its newline. A secret. */
  readonly token: string
  /** The last one was still good for long enough. */
  readonly reused: boolean
}

/** Whose token: an entry, or the service that FERRY is asked for. */
export type Owner = Pick<Entry, 'name' | 'service' | 'realExperiment' | 'credkey'> & {
  readonly role: string | undefined
}

/**
 * The entry's vault token: the kept one where it lives long enough (`minTokenLifetime`), else a new one. Throws Permanent
 * (`authentication-needed`, `permission-denied` …) or Transient (`rate-limited`, `vault-unreachable`, `issuer-unreachable` …).
 * A kept one that Vault refuses is gone afterwards.
 */
export const getVaultToken = (entry: Entry, options: HtgettokenOptions): Promise<VaultToken> =>
  withTokens(entry, options, (files) => htgettokenArguments(entry, options, files), readVaultToken)

const readVaultToken = ({ kept }: TokenFiles, reused: boolean) => ({ token: readToken(kept), reused })

/** A new vault token by the ticket alone, without looking whether there is a login behind it: the caller revokes it. Throws as `getVaultToken`. */
export async function getBareToken(entry: Entry, options: HtgettokenOptions): Promise<string> {
  const { home, fresh } = tokenFiles(entry, options)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const places = { home, kept: join(home, 'none'), fresh }
  try {
    const outcome = await runHtgettoken(
      entry,
      [...commonArguments(entry, options, places), '--nobearertoken'],
      options,
    )
    if (!succeeded(outcome)) throw htgettokenError({ ...entry, vaultServer: options.vaultServer }, outcome)
    return readToken(fresh)
  } finally {
    rmSync(fresh, { force: true })
  }
}

/** A bearer token as the issuer makes it unasked, and the vault token behind it, which is kept. Throws as `getVaultToken`. */
export const getDefaultBearer = (owner: Owner, options: HtgettokenOptions): Promise<string> =>
  withTokens(
    owner,
    options,
    (files) => [...commonArguments(owner, options, files), outFile(files)],
    (files) => readToken(bearerIn(files)),
  )

const bearerIn = ({ home }: TokenFiles) => join(home, 'bearer')
const outFile = (files: TokenFiles) => `--outfile=${bearerIn(files)}`
const readToken = (file: string) => readFileSync(file, 'utf8').trim()

async function withTokens<T>(
  owner: Owner,
  options: HtgettokenOptions,
  argumentsOf: (files: TokenFiles) => string[],
  read: (files: TokenFiles, reused: boolean) => T,
): Promise<T> {
  const files = tokenFiles(owner, options)
  mkdirSync(files.home, { recursive: true, mode: 0o700 })
  rmSync(files.fresh, { force: true })
  try {
    const outcome = await runHtgettoken(owner, argumentsOf(files), options)
    if (!succeeded(outcome)) {
      // The next run would ask with it again, and be refused again.
      if (judgeVault(outcome).keptRefused) rmSync(files.kept, { force: true })
      throw htgettokenError({ ...owner, vaultServer: options.vaultServer }, outcome)
    }
    const made = adopt(files.fresh, files.kept)
    return read(files, !made)
  } finally {
    rmSync(bearerIn(files), { force: true })
  }
}

/** Where an entry's token lies: its private directory, the kept token, and one that was just made. */
export interface TokenFiles {
  readonly home: string
  readonly kept: string
  readonly fresh: string
}

export function tokenFiles(
  { name }: Pick<Entry, 'name'>,
  { directory }: Pick<HtgettokenOptions, 'directory'>,
): TokenFiles {
  const home = join(directory, encodeToken(name))
  const kept = join(home, 'vault-token')
  return { home, kept, fresh: `${kept}.new` }
}

/** Whether there is a token that may still be good: then htgettoken asks less. */
export const hasKeptToken = (entry: Pick<Entry, 'name'>, options: Pick<HtgettokenOptions, 'directory'>) =>
  existsSync(tokenFiles(entry, options).kept)

/** Runs htgettoken with the entry's ticket and private directory, and nothing else of ours. */
export function runHtgettoken(
  entry: Pick<Entry, 'name'>,
  args: readonly string[],
  options: HtgettokenOptions,
): Promise<CommandOutcome> {
  const { home } = tokenFiles(entry, options)
  return runCommand({
    file: options.program,
    name: 'htgettoken',
    args,
    env: {
      ...commandEnvironment(),
      HOME: home,
      XDG_RUNTIME_DIR: home,
      ...(options.ccache !== undefined && { KRB5CCNAME: `FILE:${options.ccache}` }),
    },
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    attributes: { 'managed_tokens.entry': entry.name },
  })
}

export const succeeded = (outcome: CommandOutcome) => outcome.kind === 'exited' && outcome.exitCode === 0

/** htgettoken's argument list. Everything from the configuration is the value of an option, so that none can become one. Pure. */
export function htgettokenArguments(
  entry: Entry,
  options: Pick<HtgettokenOptions, 'vaultServer' | 'caPath'>,
  files: TokenFiles,
): string[] {
  return [
    ...commonArguments(entry, options, files),
    `--vaulttokenminttl=${entry.minTokenLifetime}`,
    outFile(files),
  ]
}

/** Takes the new token over where htgettoken wrote one; it writes none while the kept one is good. */
function adopt(fresh: string, kept: string): boolean {
  try {
    chmodSync(fresh, 0o600)
    renameSync(fresh, kept)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** Whose token it was to be, and where it was to come from. */
export interface Asked {
  readonly service: string
  /** As the token issuer knows it. */
  readonly realExperiment: string
  readonly vaultServer: string
  readonly what?: string
}

/** What an htgettoken that failed to get `what` means: which reason, whether it may pass, and whether another ticket may help. */
export function htgettokenError(
  { service, realExperiment, vaultServer, what = 'vault token' }: Asked,
  outcome: CommandOutcome,
): Error {
  const { code = 'unexpected', issuer = realExperiment, ticketRefused, said } = judgeVault(outcome)
  const why = vaultWords[code] ?? describe(code, outcome, said)
  const causeName = vaultCause(code, { vaultServer, issuer })
  const message = `No ${what} for ${service} from ${vaultServer}: ${why}.`
  return errorOf(failure(code, message, { service, causeName }), { ticketRefused })
}

function describe(code: ReasonCode, outcome: CommandOutcome, said: string): string {
  if (code === 'timeout') return 'htgettoken did not end in time'
  if (outcome.kind === 'missing') return `htgettoken ${outcome.reason}`
  return cleanLine(said).replace(/\.$/, '') || lastLine(outcome.stderr) || 'htgettoken failed'
}
