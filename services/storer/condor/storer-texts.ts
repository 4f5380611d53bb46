/** Why condor_vault_storer did not store, by what it and the programs inside it said. Pure. */
import type { CommandOutcome } from '../../../shared/commands/command.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { reasonOfVault } from '../../../shared/vault/texts.ts'
import { creddReason, textOf } from './credd-texts.ts'

export interface StorerVerdict {
  readonly code: ReasonCode
  /** More than the code says, for the sentence about it. */
  readonly why?: string
}

/** What this host itself gets wrong: nobody else is asked then. The first match counts. */
const ofThisHost: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /(?:^|[\s/:])(htgettoken|condor_store_cred|condor_config_val|mktemp): (?:(?:command )?not found|No such file)/m,
    ([, program]) => `${program} was not found`,
  ],
  [
    /\/dev\/std(?:in|out|err)['"]?: (?:No such device|Permission denied)|(?:No such device or address|Permission denied): '\/dev\/std/,
    () => 'condor_vault_storer could not open its own output',
  ],
  [
    /Missing required parameters: \['--vaultserver'\]|Neither SEC_CREDENTIAL_GETTOKEN_OPTS/,
    () =>
      'condor_vault_storer did not hear of the Vault server: condor_config_val does not work on this host',
  ],
  [
    /Usage: htgettoken|htgettoken: error: /i,
    () => 'htgettoken does not take its options (HTGETTOKENOPTS, SEC_CREDENTIAL_GETTOKEN_OPTS)',
  ],
  [
    /Usage: condor_store_cred|ERROR: Unrecognized (?:option|command)/,
    () => 'condor_store_cred does not take its options (SEC_CREDENTIAL_STORECRED_OPTS)',
  ],
  [
    /illegal option -- |Usage: \S+ \[-vd\] oauth_service/,
    () => 'condor_vault_storer does not take its options (SEC_CREDENTIAL_VAULT_STORER_OPTS)',
  ],
]

/**
 * The storer's last word says which step failed, and what was said of that step decides: "Authentication needed for X" is
 * printed after *any* failure of the silent call, and an earlier complaint may have been overcome.
 */
export function judgeStorer(outcome: CommandOutcome): StorerVerdict {
  if (outcome.kind === 'timeout') return { code: 'storer-timeout' }
  if (outcome.kind === 'missing') return { code: 'storer-failed', why: `flock ${outcome.reason}` }
  const said = textOf(outcome)
  if (/Only one underscore allowed/i.test(said)) return { code: 'misuse' }
  if (/Credentials exist that do not match/i.test(said)) return { code: 'scope-mismatch' }
  const local = findLocal(said)
  if (local !== undefined) return { code: 'storer-failed', why: local }
  if (/(?:Failed to store|Querying) condor credentials/i.test(said))
    return { code: creddReason(said) ?? 'credd-unreachable' }
  return { code: reasonOfVault(outcome) ?? 'storer-failed' }
}

function findLocal(said: string): string | undefined {
  for (const [text, why] of ofThisHost) {
    const found = text.exec(said)
    if (found) return why(found)
  }
  return undefined
}
