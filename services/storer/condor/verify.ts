/** Exit 0 is not enough: the bearer it left must name this service, and the credd is asked whether it has the credential. */
import { readFile } from 'node:fs/promises'
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { environment } from '../../../shared/config/environment.ts'
import { codeOf, errorOf, failedWith, failure } from '../../../shared/contracts/errors.ts'
import { timestamp } from '../../../shared/contracts/messages.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'
import { isDue } from '../direct/is-due.ts'
import {
  creddReason,
  isAnswer,
  isLoginRefused,
  isLost,
  isNothing,
  isUnreadable,
  isWaiting,
  textOf,
} from './credd-texts.ts'
import { storerEnvironment } from './run-storer.ts'
import { isDirect, nameOfStorer, type StorerRun } from './storer-run.ts'
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
  const endedWell = `${nameOfStorer(entry)} ended well for ${entry.service}`
  if (!namesService(bearer, entry)) {
    await discard(run)
    throw fail(
      'wrong-token',
      `The token that ${nameOfStorer(entry)} got for ${entry.service} is none of ${entry.realExperiment}’s.`,
    )
  }
  const outcome = await askCredd(run)
  if (isLost(outcome)) {
    // condor_vault_storer believes the credd, until it has no token here.
    await run.stage.discard()
    throw fail('nothing-stored', `${endedWell}, but ${credd} has only a bearer token of it.`)
  }
  if (outcome.kind === 'exited' && outcome.exitCode === 0) {
    if (bearer !== '') return readStored(outcome)
    throw fail('nothing-stored', `${endedWell} and ${credd}, but got no token.`)
  }
  if (isNothing(outcome)) throw fail('nothing-stored', `${endedWell}, but ${credd} has nothing stored.`)
  throw noAnswer(run, outcome)
}

/**
 * What the credd has of the entry where that is good for a while yet: then nothing is asked of Vault. Throws the credd's
 * reason where it does not say.
 */
export async function findStored(run: StorerRun): Promise<Stored | undefined> {
  const outcome = await askCredd(run)
  if (isNothing(outcome) || isUnreadable(outcome)) return undefined
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0) throw noAnswer(run, outcome)
  return isDue(storedAt(outcome), run.entry) ? undefined : readStored(outcome)
}

function noAnswer({ entry, credd }: StorerRun, outcome: CommandOutcome): Error {
  if (outcome.kind === 'missing')
    return failedWith('storer-failed', `condor_store_cred ${outcome.reason}.`, entry)
  const code = creddReason(textOf(outcome)) ?? 'credd-unreachable'
  const message = `${credd} did not say whether it has ${entry.service}.`
  return errorOf(failure(code, message, entry), { ticketRefused: isLoginRefused(outcome) })
}

/** condor_vault_storer does not show why a credd took nothing: the error with the credd's own reason, where it has one. */
export async function withCreddsReason(run: StorerRun, error: unknown): Promise<unknown> {
  if (isDirect(run.entry) || codeOf(error) !== 'credd-unreachable' || run.signal.aborted) return error
  const outcome = await askCredd(run)
  return creddReason(textOf(outcome)) ? noAnswer(run, outcome) : error
}

/**
 * Has the credd forget the credential, and asks whether it has. Returns whether there was one. Throws the credd's reason where
 * it does not say.
 */
export async function forget(run: StorerRun): Promise<boolean> {
  if (isNothing(await askCredd(run))) return false
  const deleted = await askCredd(run, 'delete-oauth')
  if (deleted.kind !== 'exited' || deleted.exitCode !== 0) throw noAnswer(run, deleted)
  const outcome = await askCredd(run)
  if (isNothing(outcome)) return true
  throw isAnswer(outcome)
    ? failedWith(
        'storer-failed',
        `${run.credd} was told to forget ${run.entry.service}, and has it still.`,
        run.entry,
      )
    : noAnswer(run, outcome)
}

/** Where the credd's answer is believed in the next run, what should not be there must not stay. */
async function discard(run: StorerRun): Promise<void> {
  await run.stage.discard()
  if (isDirect(run.entry)) await askCredd(run, 'delete-oauth')
}

/** Whether the credd answers at all, whatever it answers. Where it cannot be asked from here, that is not its fault. */
export async function answersCredd(run: StorerRun): Promise<boolean> {
  const outcome = await askCredd(run)
  return outcome.kind === 'missing' || isAnswer(outcome)
}

/** `Top<service>Time` is when the credential was last stored, in seconds since the epoch; 0 where the credd does not say. */
const storedAt = ({ stdout }: CommandOutcome): number =>
  Number(/^Top\S+Time = (\d{1,11})\b/m.exec(stdout)?.[1] ?? 0) * 1_000

/** Pure. */
export function readStored(outcome: CommandOutcome, now = Date.now()): Stored {
  const at = storedAt(outcome)
  if (at === 0) return {}
  const expiry = timestamp(new Date(at + storedLifeMs))
  return isWaiting(outcome) && now - at > processingMs
    ? { expiry, waitingSince: timestamp(new Date(at)) }
    : { expiry }
}

/** The words that condor_vault_storer puts behind the service as well: scopes, an audience, a handle. */
const ownWords = (environment.SEC_CREDENTIAL_STORECRED_OPTS ?? '').split(/\s+/).filter(Boolean)

function askCredd(run: StorerRun, action = 'query-oauth'): Promise<CommandOutcome> {
  const { entry, credd, site } = run
  return runCommand({
    file: site.storer.condorStoreCred,
    name: 'condor_store_cred',
    args: [action, '-s', entry.service, '-d', ...ownWords],
    env: storerEnvironment(run),
    cwd: run.stage.home,
    timeoutMs: Math.min(site.timeouts.vaultStorerMs, answerMs),
    signal: run.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.credd': credd },
  })
}

/** A credd answers such a question at once, and at most after its polling timeout of 20 s (milliseconds). */
const answerMs = 30_000
