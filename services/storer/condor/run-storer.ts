/** Stores for one (service, credd) under the host's locks, by condor_vault_storer or without it, and says why when that did not work. */

import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment, environment } from '../../../shared/config/environment.ts'
import { splitWords } from '../../../shared/config/schema/words.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { errorOf, failure } from '../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { authorityOption } from '../../../shared/vault/authority-option.ts'
import { judgeVault, vaultCause, vaultWords } from '../../../shared/vault/texts.ts'
import { directCommand } from '../direct/direct-command.ts'
import { type Lock, mustHaveRun, underLocks } from '../exclusive/locks.ts'
import { isLoginRefused } from './credd-texts.ts'
import { isDirect, nameOfStorer, type StorerRun } from './storer-run.ts'
import { judgeStorer } from './storer-texts.ts'

/** Returns when the storer says that it stored. Throws Permanent, Transient, or LockHeld while one of the locks is held elsewhere. */
export async function runStorer(run: StorerRun, locks: readonly Lock[]): Promise<void> {
  const { site, entry, credd, stage } = run
  const [file = '', ...args] = [...underLocks(locks), ...commandOf(run)]
  const outcome = await runCommand({
    ...{ file, args, name: isDirect(entry) ? 'store-direct' : 'condor_vault_storer' },
    env: storerEnvironment(run),
    cwd: stage.home,
    timeoutMs: site.timeouts.vaultStorerMs,
    signal: run.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.credd': credd },
  })
  if (outcome.kind === 'exited' && outcome.exitCode === 0) return
  mustHaveRun(outcome, locks)
  // The next run would ask with it again, and be refused again.
  if (judgeVault(outcome).keptRefused) await stage.discard()
  throw storerError(run, outcome)
}

const commandOf = (run: StorerRun): string[] =>
  isDirect(run.entry) ? directCommand(run) : [run.site.storer.condorVaultStorer, '-v', run.entry.service]

/** The whole environment of a storer run: private names for everything, and nothing inherited that names a token. Pure. */
export function storerEnvironment(
  run: Pick<StorerRun, 'entry' | 'credd' | 'site' | 'vaultServer' | 'ccache' | 'stage'>,
  inherited = environment,
): Record<string, string> {
  const { entry, stage } = run
  const caPath = run.site.vault.caPath
  return {
    ...commandEnvironment(inherited),
    ...inherited.condor,
    HOME: stage.home,
    XDG_RUNTIME_DIR: stage.home,
    BEARER_TOKEN_FILE: stage.bearerFile,
    KRB5CCNAME: `FILE:${run.ccache}`,
    CONDOR_VAULT_STORER_ID: stage.id,
    CONDOR_CREDENTIAL_STORER_MODE: 'vault',
    _condor_CREDD_HOST: run.credd,
    _condor_COLLECTOR_HOST: entry.collectors.join(','),
    _condor_SEC_CREDENTIAL_GETTOKEN_OPTS: ['-a', run.vaultServer, ...authorityOption(caPath)].join(' '),
    HTGETTOKENOPTS: htgettokenOptions(entry, inherited.HTGETTOKENOPTS),
    ...(inherited.SEC_CREDENTIAL_STORECRED_OPTS && {
      SEC_CREDENTIAL_STORECRED_OPTS: inherited.SEC_CREDENTIAL_STORECRED_OPTS,
    }),
  }
}

/** The operator's own options are kept. The last credkey counts, so this entry's is added unless that is the one already. Pure. */
export function htgettokenOptions(entry: Entry, inherited: string | undefined): string {
  if (inherited !== undefined && lastCredkey(inherited) === entry.credkey) return inherited
  return `${inherited ?? `--vaulttokenminttl=${entry.minTokenLifetime}`} --credkey=${entry.credkey}`
}

/** The credkey that htgettoken takes from its options, whose value may be a word of its own. */
const lastCredkey = (options: string) =>
  splitWords(options)
    ?.flatMap((word, index, words) =>
      word === '--credkey' ? [words[index + 1]] : (word.match(/^--credkey=(.*)$/)?.[1] ?? []),
    )
    .at(-1)

const described: Partial<Record<ReasonCode, string>> = {
  ...vaultWords,
  misuse: 'condor_vault_storer does not take this service name',
  'scope-mismatch': 'a credential with other scopes is stored there',
  'untrusted-vault-host': 'the credd does not trust this Vault host',
  'credd-not-allowed': 'the credd does not allow this account to store',
  'credd-misconfigured': 'the credd answered with a complaint about its configuration or the connection',
  'credd-unreachable': 'the credd could not be reached',
  'storer-timeout': 'the storer did not end in time and was killed with its children',
}

function storerError({ entry, credd, vaultServer }: StorerRun, outcome: CommandOutcome): Error {
  const { code, why = described[code] ?? `${nameOfStorer(entry)} failed` } = judgeStorer(outcome)
  const { issuer = entry.realExperiment, ticketRefused: atVault } = judgeVault(outcome)
  const ticketRefused = atVault || isLoginRefused(outcome)
  const causeName = vaultCause(code, { vaultServer, issuer })
  const message = `No vault token of ${entry.service} in ${credd}: ${why}.`
  return errorOf(failure(code, message, { service: entry.service, causeName }), { ticketRefused })
}
