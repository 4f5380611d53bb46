/** What condor_store_cred says of a credd: which reason that is, and whether the credd itself has answered. Pure. */
import type { CommandOutcome } from '../../../shared/commands/command.ts'
import type { ReasonCode } from '../../../shared/contracts/reasons.ts'

const loginRefused = /authentication with .{1,200} failed, so aborting command STORE_CRED/i

/**
 * Answers of a credd, in HTCondor's spelling and in a corrected one. "Operation failed. Make sure your ALLOW_WRITE…" is none:
 * it is said alike of a refusal, of no ticket, of a wrong method to authenticate, and where no credd or collector answers.
 * Which of these it was is shown by `-d` alone.
 */
const answers: readonly (readonly [RegExp, ReasonCode])[] = [
  [/did not match requested scopes or audience|Credentials exist that do not match/i, 'scope-mismatch'],
  [/interacting with an untrusted host/i, 'untrusted-vault-host'],
  [/because it is not allowed/i, 'credd-not-allowed'],
  [/because of a configuration error/i, 'credd-misconfigured'],
  [/because communica?tion was not secure/i, 'credd-misconfigured'],
  [/due to missing or bad arguments/i, 'credd-misconfigured'],
  [/client and server ma?y be mismatched/i, 'credd-misconfigured'],
  [/Failure parsing credential as JSON/i, 'credd-misconfigured'],
  [/credmon did not process credentials within the timeout/i, 'credd-misconfigured'],
  [/target daemon is not running as SYSTEM|unknown error code/i, 'credd-misconfigured'],
  [/Received "DENIED" from server/i, 'credd-not-allowed'],
  [loginRefused, 'credd-misconfigured'],
  [/Protocol Error: No auth methods/i, 'credd-misconfigured'],
]

/** Where there is no ticket for it, no credd can do anything about that. */
const withoutKdc = /KERBEROS: Cannot contact any KDC/

/** The reason that a credd gave, of several the last; undefined where no credd has answered. */
export function creddReason(said: string): ReasonCode | undefined {
  if (withoutKdc.test(said)) return undefined
  const found = answers.map(([text, code]) => ({ code, at: lastOf(text, said) }))
  const last = found.reduce((later, one) => (one.at > later.at ? one : later))
  return last.at < 0 ? undefined : last.code
}

const lastOf = (text: RegExp, said: string) => [...said.matchAll(new RegExp(text, 'gi'))].at(-1)?.index ?? -1

/** Whether the credd has answered a question, whatever it said. */
export const isAnswer = (outcome: CommandOutcome): boolean =>
  outcome.kind === 'exited' &&
  (outcome.exitCode === 0 || isNothing(outcome) || creddReason(textOf(outcome)) !== undefined)

export const isNothing = (outcome: CommandOutcome): boolean =>
  /No credential is stored/i.test(textOf(outcome))

/** What it has is broken: it can only be replaced. */
export const isUnreadable = (outcome: CommandOutcome): boolean =>
  /Failure parsing credential as JSON/i.test(textOf(outcome))

/** It has what a credential monitor once made of the credential, and calls that valid, but the credential is gone. */
export const isLost = ({ stdout }: CommandOutcome): boolean =>
  /^\S+ = \d+$/m.test(stdout) && !/^Top\S+Time = /m.test(stdout)

/** It has the credential, and no credential monitor has looked at that yet: jobs have no bearer from it. */
export const isWaiting = ({ stdout }: CommandOutcome): boolean =>
  /^A credential was stored.* and is waiting for processing/im.test(stdout)

/**
 * The login failed, which is said alike where the credd has lost its keytab and where it has new keys, which a new ticket
 * would open.
 */
export const isLoginRefused = (outcome: CommandOutcome): boolean => loginRefused.test(textOf(outcome))

export const textOf = ({ stdout, stderr }: CommandOutcome): string => `${stdout}\n${stderr}`
