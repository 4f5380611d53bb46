/** The credds of an entry: the configured ones, or those its collector names. */
import type { Logger } from 'pino'
import { type CommandOutcome, runCommand } from '../../shared/command.ts'
import { commandEnvironment, environment } from '../../shared/config/environment.ts'
import { hostName } from '../../shared/config/grammar.ts'
import type { Entry } from '../../shared/config/site.ts'
import { failure, Permanent, Transient } from '../../shared/errors.ts'

export interface CollectorOptions {
  readonly condorStatus: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Asks once for all entries that have the same question. */
  readonly once?: <T>(question: readonly unknown[], ask: () => Promise<T>) => Promise<T>
  /** Hears which collector answered. */
  readonly log?: Logger
}

/** What the first collector that answers knows. */
interface CollectorAnswer {
  readonly collector: string
  readonly names: readonly string[]
}

/**
 * The credds that hold this entry's token: the configured ones, or the schedds that the first answering collector names.
 * None for entries with a token getter that needs no credd. Throws Transient `collector-unreachable` or Permanent `no-credd`.
 */
export async function findCredds(entry: Entry, options: CollectorOptions): Promise<readonly string[]> {
  if (entry.tokenGetter === 'getToken') return []
  if (entry.credds) return entry.credds
  const { collectors, scheddConstraint } = entry
  const once = options.once ?? ((_question, ask) => ask())
  const answer = await once(['schedds', collectors, scheddConstraint], () => askCollectors(entry, options))
  return creddsIn(answer, entry)
}

/** In the order of the configuration, until one answers. Throws when none does, so that nobody remembers that as an answer. */
async function askCollectors(entry: Entry, options: CollectorOptions): Promise<CollectorAnswer> {
  for (const collector of entry.collectors) {
    const outcome = await askCollector(entry, collector, options)
    if (outcome.kind === 'exited' && outcome.exitCode === 0) {
      const names = outcome.stdout
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean)
      options.log?.info({ collector, schedds: names.length }, 'a collector answered')
      return { collector, names }
    }
    options.log?.warn({ collector }, 'a collector does not answer: the next one is asked')
  }
  throw new Transient(
    failure(
      'collector-unreachable',
      `No collector answers for ${entry.name}: asked ${entry.collectors.join(', ') || 'none'}.`,
    ),
  )
}

function askCollector(entry: Entry, collector: string, options: CollectorOptions): Promise<CommandOutcome> {
  const constraint = entry.scheddConstraint ? ['-constraint', entry.scheddConstraint] : []
  return runCommand({
    file: options.condorStatus,
    name: 'condor_status',
    args: ['-pool', collector, '-schedd', ...constraint, '-af', 'Name'],
    env: { ...commandEnvironment(), ...environment.condor, _condor_COLLECTOR_HOST: collector },
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'server.address': collector },
  })
}

/** Anything that is not a host name stops the entry, since it would end up in a command's environment. */
function creddsIn({ collector, names }: CollectorAnswer, entry: Entry): string[] {
  if (names.length === 0)
    throw new Permanent(failure('no-credd', `${collector} knows no schedd for ${entry.name}'s constraint.`))
  if (!names.every((name) => hostName.safeParse(name).success))
    throw new Permanent(
      failure('no-credd', `${collector} names a schedd for ${entry.name} that is no host name.`),
    )
  return [...new Set(names)].sort()
}
