/** By which method, and in how many lanes, tokens could be stored from here, and why not by others. */
import { hasOwnNames } from '../../services/storer/condor/condor-version.ts'
import { runCommand } from '../../shared/commands/command.ts'
import { commandEnvironment, environment } from '../../shared/config/environment.ts'
import type { Site } from '../../shared/config/site.ts'
import { type Check, type Finding, ok, problem } from './check.ts'
import { findProgram } from './programs.ts'
import { readVersion } from './version.ts'

/** What was found on this machine. */
export interface StoringHere {
  /** Programs that are not here, by method. */
  readonly missing: Readonly<Record<Method, readonly string[]>>
  /** What condor_version printed; undefined where it says nothing. */
  readonly condorVersion: string | undefined
}

type Method = Site['storer']['method']

const about = 'storer'
const deadlineMs = 10_000
const mostLanes = 16

export const checkStoring = (site: Site): Check[] =>
  site.entries.some(({ tokenGetter }) => tokenGetter === 'storeAndGetToken')
    ? [{ about, deadlineMs, look: async (signal) => judgeStoring(site, await lookHere(site, signal)) }]
    : []

async function lookHere({ storer, refresher }: Site, signal: AbortSignal): Promise<StoringHere> {
  const missingOf = (...programs: string[]) => programs.filter((program) => !findProgram(program))
  const outcome = await runCommand({
    ...{ file: storer.condorVersion, args: [], timeoutMs: deadlineMs - 1_000, signal },
    env: { ...commandEnvironment(), ...environment.condor },
  })
  const isTold = outcome.kind === 'exited' && outcome.exitCode === 0
  return {
    missing: {
      script: missingOf('flock', storer.condorVaultStorer, storer.condorStoreCred, refresher.htgettoken),
      direct: missingOf('flock', 'sh', storer.condorStoreCred, refresher.htgettoken),
    },
    condorVersion: isTold ? outcome.stdout : undefined,
  }
}

/** One line about all that would work, and a problem where the configuration wants what would not. Pure. */
export function judgeStoring(
  { entries, storer }: Pick<Site, 'entries' | 'storer'>,
  here: StoringHere,
): Finding[] {
  const isOld = here.condorVersion !== undefined && !hasOwnNames(here.condorVersion)
  const version = readVersion(here.condorVersion ?? '')?.join('.') ?? 'here'
  const lanesOf = (method: Method) => (method === 'script' && isOld ? 1 : mostLanes)
  const because: Readonly<Record<Method, string>> = {
    script: isOld
      ? ` (HTCondor ${version} gives all runs of condor_vault_storer the same files in /tmp)`
      : '',
    direct: ' (without condor_vault_storer, in half the time)',
  }
  const sayMethod = (method: Method) => {
    const missing = here.missing[method]
    if (missing.length > 0) return `not ${method}: ${missing.join(', ')} not found`
    const lanes = lanesOf(method)
    return `${method} with ${lanes === 1 ? 'one lane only' : `1 to ${lanes} lanes`}${because[method]}`
  }
  const would = `works here: ${sayMethod('script')}; ${sayMethod('direct')}`
  const used = [...new Set(entries.map(({ storerMethod }) => storerMethod))]
  const lanes = `${storer.lanes} lane${storer.lanes === 1 ? '' : 's'}`
  const says = `${used.join(' and ')} in ${lanes} is configured; ${would}`
  if (used.some((method) => here.missing[method].length > 0))
    return [problem(about, says, 'install what is missing, or choose the other storer.method')]
  if (used.some((method) => storer.lanes > lanesOf(method)))
    return [
      problem(about, says, 'set storer.lanes to 1, or storer.method to direct, or install HTCondor 10.6'),
    ]
  return [ok(about, says)]
}
