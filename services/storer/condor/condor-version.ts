/** Asks HTCondor how old it is: from 10.6 on a storer run may have names of its own in /tmp. */
import { runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment, environment } from '../../../shared/config/environment.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'

export interface CondorVersionOptions {
  /** The condor_version program. */
  readonly file: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** HTCondor is upgraded under a running daemon now and then (milliseconds). */
const rememberedMs = 60 * 60_000

/**
 * Whether condor_vault_storer knows CONDOR_VAULT_STORER_ID; an answer holds for an hour. True where the version cannot be
 * found out: only installations of before 2023 do not.
 */
export function askOwnNames(now: () => number = () => performance.now()) {
  let known: { readonly answer: boolean; readonly until: number } | undefined
  return async (options: CondorVersionOptions): Promise<boolean> => {
    if (known && now() < known.until) return known.answer
    const answer = await ask(options)
    if (answer !== undefined) known = { answer, until: now() + rememberedMs }
    return answer ?? true
  }
}

async function ask({ file, timeoutMs, signal }: CondorVersionOptions): Promise<boolean | undefined> {
  const outcome = await runCommand({
    file,
    args: [],
    env: { ...commandEnvironment(), ...environment.condor },
    name: 'condor_version',
    timeoutMs,
    signal,
  })
  // A program that is not there will not be there next time either.
  if (outcome.kind === 'missing') return true
  return outcome.kind === 'exited' && outcome.exitCode === 0 ? hasOwnNames(outcome.stdout) : undefined
}

/** Reads what condor_version prints. The first releases with it are 10.0.6 and 10.6.0; 10.1 to 10.5 are older. Pure. */
export function hasOwnNames(printed: string): boolean {
  const found = /\$CondorVersion:\s+(\d+)\.(\d+)\.(\d+)/.exec(printed)
  if (!found) return true
  const [major = 0, minor = 0, patch = 0] = found.slice(1).map(Number)
  if (major !== 10) return major > 10
  return minor === 0 ? patch >= 6 : minor >= 6
}

/** Throws Permanent `lanes-refused` where runs without names of their own would run side by side. Pure. */
export function mustHaveOneLane(
  { service }: Pick<Entry, 'service'>,
  { storer }: { readonly storer: Pick<Site['storer'], 'lanes'> },
): void {
  if (storer.lanes === 1) return
  const why = `HTCondor here is too old for storer.lanes: ${storer.lanes}, its runs would share their files in /tmp`
  throw failedWith('lanes-refused', `No vault token of ${service} is stored: ${why}.`)
}
