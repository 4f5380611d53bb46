/** Exit 0 is not enough: the bearer it left must name this service, and the credd is asked whether it has the credential. */
import { readFile } from 'node:fs/promises'
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import { timestamp } from '../../../shared/contracts/messages.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { creddReason, isAnswer, isNothing, isWaiting, textOf } from './credd-texts.ts'
import { type StorerRun, storerEnvironment } from './run-storer.ts'
import { namesService } from './whose-token.ts'

/** What the credd has, as far as it says so. */
export interface Stored {
  /** When the vault token ends that the credd holds. */
  readonly expiry?: string
  /** No credential monitor has looked at it since: no job will have a bearer from it. */
  readonly waitingSince?: string
}

/** condor_vault_storer asks Vault for tokens of 28 days to be stored (milliseconds). */
const storedLifeMs = 28 * 24 * 60 * 60_000
/** A credential monitor is woken at once, and looks by itself every few minutes (milliseconds). */
const processingMs = 15 * 60_000

/** Throws `wrong-token`, `nothing-stored` or the credd's reason. A wrong token is not kept either. */
export async function verifyStored(run: StorerRun): Promise<Stored> {
  const { entry, credd } = run
  const bearer = (await readFile(run.stage.bearerFile, 'utf8').catch(() => '')).trim()
  const fail = (code: ReasonCode, what: string) => failedWith(code, what, entry)
  const endedWell = `condor_vault_storer ended well for ${entry.service}`
  if (!namesService(bearer, entry)) {
    await run.stage.discard()
    throw fail(
      'wrong-token',
      `The token that condor_vault_storer got for ${entry.service} is none of ${entry.realExperiment}’s.`,
    )
  }
  const outcome = await askCredd(run)
  if (outcome.kind === 'exited' && outcome.exitCode === 0) {
    if (bearer !== '') return readStored(outcome, entry)
    throw fail('nothing-stored', `${endedWell} and ${credd}, but got no token.`)
  }
  if (isNothing(outcome)) throw fail('nothing-stored', `${endedWell}, but ${credd} has nothing stored.`)
  if (outcome.kind === 'missing') throw fail('storer-failed', `condor_store_cred ${outcome.reason}.`)
  const code = creddReason(textOf(outcome)) ?? 'credd-unreachable'
  throw fail(code, `${credd} did not say whether it has ${entry.service}.`)
}

/** Whether the credd answers at all, whatever it answers. Where it cannot be asked from here, that is not its fault. */
export async function answersCredd(run: StorerRun): Promise<boolean> {
  const outcome = await askCredd(run)
  return outcome.kind === 'missing' || isAnswer(outcome)
}

/** `Top<service>Time` is when the credential was last stored, in seconds since the epoch. Pure. */
export function readStored(
  outcome: CommandOutcome,
  { service }: Pick<Entry, 'service'>,
  now = Date.now(),
): Stored {
  const time = outcome.stdout.split('\n').find((line) => line.startsWith(`Top${service}Time = `))
  const storedAt = Number(time?.split('= ')[1]) * 1_000
  if (!(storedAt > 0)) return {}
  const expiry = timestamp(new Date(storedAt + storedLifeMs))
  return isWaiting(outcome) && now - storedAt > processingMs
    ? { expiry, waitingSince: timestamp(new Date(storedAt)) }
    : { expiry }
}

function askCredd(run: StorerRun): Promise<CommandOutcome> {
  const { entry, credd, site } = run
  return runCommand({
    file: site.storer.condorStoreCred,
    name: 'condor_store_cred',
    args: ['query-oauth', '-s', entry.service],
    env: storerEnvironment(run),
    cwd: run.stage.home,
    timeoutMs: Math.min(site.timeouts.vaultStorerMs, answerMs),
    signal: run.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.credd': credd },
  })
}

/** A credd answers such a question at once, and at most after its polling timeout of 20 s (milliseconds). */
const answerMs = 30_000
