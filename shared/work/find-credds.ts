/** The credds of an entry: the configured ones, or those its collector names. */
import type { Logger } from 'pino'
import { type CommandOutcome, runCommand } from '../commands/command.ts'
import { commandEnvironment, environment } from '../config/environment.ts'
import { creddName } from '../config/schema/grammar.ts'
import type { Entry } from '../config/site.ts'
import { failedWith } from '../contracts/errors.ts'
import { cleanLine, lastLine } from '../contracts/one-sentence.ts'

export interface CollectorOptions {
  readonly condorStatus: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Asks once for all entries that have the same question. */
  readonly once?: <T>(question: readonly unknown[], ask: () => Promise<T>) => Promise<T>
  /** Hears which collector answered. */
  readonly log?: Logger
}

/** The credds of an entry. */
export interface Credds {
  /** Each once, in order. */
  readonly names: readonly string[]
  /** What the collector gave for the name of a schedd and is none, as a clean line each: nothing is stored there. */
  readonly refused: readonly string[]
  /** Who named them; absent where the configuration did. */
  readonly collector?: string
}

/** Of names that are none (a program that prints something else altogether). */
const mostRefused = 10

/**
 * The credds that hold this entry's token: the configured ones, or the schedds that the first answering collector names.
 * None for entries with a token getter that needs no credd. Throws `collector-unreachable` or `no-credd`.
 */
export async function findCredds(entry: Entry, options: CollectorOptions): Promise<Credds> {
  if (entry.tokenGetter !== 'storeAndGetToken') return { names: [], refused: [] }
  if (entry.credds) return { names: entry.credds, refused: [] }
  const { collectors, scheddConstraint } = entry
  const once = options.once ?? ((_question, ask) => ask())
  return once(['schedds', collectors, scheddConstraint], () => askCollectors(entry, options))
}

/**
 * In the order of the configuration, until one names a schedd: one that was just started knows nobody yet. Throws when none does,
 * so that nobody remembers that as an answer; what it throws goes to all entries with the same question.
 */
async function askCollectors(entry: Entry, options: CollectorOptions): Promise<Credds> {
  const asked: string[] = []
  const empty: string[] = []
  for (const collector of entry.collectors) {
    const outcome = await askCollector(entry, collector, options)
    if (outcome.kind === 'exited' && outcome.exitCode === 0) {
      const credds = { collector, ...sortNames(outcome.stdout) }
      tellAnswer(credds, options)
      if (credds.names.length > 0 || credds.refused.length > 0) return credds
      empty.push(collector)
      continue
    }
    const why = whyNot(outcome)
    options.log?.warn({ collector, why }, 'a collector does not answer: the next one is asked')
    asked.push(`${collector} (${why})`)
  }
  if (empty.length > 0) throw failedWith('no-credd', `${empty.join(', ')} knows no schedd that is asked for.`)
  throw failedWith('collector-unreachable', `No collector answers: asked ${asked.join(', ') || 'none'}.`)
}

function tellAnswer({ collector, names, refused }: Credds, { log }: CollectorOptions): void {
  log?.info({ collector, schedds: names.length }, 'a collector answered')
  for (const name of refused)
    log?.warn({ collector, name }, 'a collector names a schedd that is no host name: it is left out')
}

/** A constraint that is none, or a program that is not there, is no collector's fault, and nobody else would say so. */
function whyNot(outcome: CommandOutcome): string {
  if (outcome.kind === 'missing') return `condor_status ${outcome.reason}`
  if (outcome.kind !== 'exited') return 'no answer in time'
  return lastLine(outcome.stderr) || lastLine(outcome.stdout) || 'condor_status said nothing'
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

/** Each name ends up in a command's environment: what is none is told apart, and costs the others nothing. Pure. */
export function sortNames(printed: string): Pick<Credds, 'names' | 'refused'> {
  const lines = printed
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  const [names, refused] = [new Set<string>(), new Set<string>()]
  for (const line of lines) {
    const { data } = creddName.safeParse(line)
    if (data === undefined) refused.add(cleanLine(line, 80) || 'a name without a letter')
    else names.add(data)
  }
  return { names: [...names].sort(), refused: [...refused].slice(0, mostRefused) }
}
