/** Answers `managed-tokens.run`: picks the entries, mints a run, publishes its plan, and says at once what will be done. */

import type { KV } from '@nats-io/kv'
import { closest } from 'fastest-levenshtein'
import type { Bus } from '../../shared/bus.ts'
import { formatProblem, type Problem } from '../../shared/config/problem.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { type RunMode, type RunStarted, schemaVersion, timestamp } from '../../shared/messages.ts'
import { RequestError } from '../../shared/micro.ts'
import { parseRequest } from '../../shared/parse-request.ts'
import { publish } from '../../shared/publish.ts'
import { mintRunId } from '../../shared/run-id.ts'
import { runSubject, streams } from '../../shared/subjects.ts'
import { inRootSpan } from '../../shared/telemetry/root-span.ts'
import { setStage } from '../../shared/telemetry/stages.ts'
import { z } from '../../shared/zod.ts'
import { findJoined } from './joined.ts'

/** The body of `managed-tokens.run`; all of it may be left out. */
export const runRequest = z.strictObject({
  experiment: z.string().optional().describe('Only the entries of this experiment.'),
  services: z.array(z.string()).optional().describe('Only these entries.'),
  push: z.boolean().default(true).describe('`false`: the predecessor’s test mode, nodes are left alone.'),
  notify: z.boolean().default(true).describe('`false`: nobody is told of failures.'),
})
export type RunRequest = z.output<typeof runRequest>

/** More problems of a broken configuration than these help nobody. */
const toldProblems = 20

export interface RunAnswer {
  readonly run: string
  readonly entries: readonly string[]
  /** Entries left to a fuller run that is under way: entry → that run. */
  readonly joined: Readonly<Record<string, string>>
}

export interface RunDeps {
  readonly bus: Bus
  readonly runs: KV
  /** The configuration, read again: every run starts with the newest good file. */
  readonly freshSite: () => Site
  /** What is wrong with the file where the last good one stays in force; administrators are told. */
  readonly problems?: () => readonly Problem[]
}

/**
 * Starts a run: all that has to be published for that is its plan, `run.started`. Throws RequestError for a wrong body or
 * an unknown entry. `mint` makes the run's id; the same one again starts nothing twice.
 */
export async function startRun(
  body: unknown,
  trigger: RunStarted['trigger'],
  deps: RunDeps,
  mint: () => Promise<string> = () => mintRunId(deps.runs),
): Promise<RunAnswer> {
  const begun = performance.now()
  const request = parseRequest(runRequest, body)
  const site = deps.freshSite()
  const wanted = chooseEntries(site, request)
  const mode: RunMode = { push: request.push, notify: request.notify }
  const askLast = async () => (await deps.bus.lastMessage(streams.tokens, runSubject('started')))?.data
  const joined = await findJoined(wanted, mode, deps.runs, askLast)
  const entries = wanted.filter(({ name }) => !(name in joined))
  const run = await mint()
  const started = startedEvent(run, trigger, mode, entries, site, deps.problems?.() ?? [])
  await inRootSpan('run', run, () => publish(deps.bus, started))
  setStage('token-push', 'setup', (performance.now() - begun) / 1_000)
  return { run, entries: entries.map(({ name }) => name), joined }
}

/** The entries a request names; unknown ones are refused with the nearest known, and so is a request that names none. Pure. */
export function chooseEntries(
  site: Pick<Site, 'entries'>,
  { experiment, services }: Partial<RunRequest>,
): readonly Entry[] {
  const names = site.entries.map(({ name }) => name)
  const unknown = (services ?? []).filter((name) => !names.includes(name.toLowerCase()))
  if (unknown.length > 0)
    throw new RequestError(
      'unknown-service',
      unknown.map((name) => `No service ${name}${nearest(name, names)}`).join(' '),
    )
  const experiments = [...new Set(site.entries.map((entry) => entry.experiment))]
  if (experiment !== undefined && !experiments.includes(experiment.toLowerCase()))
    throw new RequestError(
      'unknown-experiment',
      `No experiment ${experiment}${nearest(experiment, experiments)}`,
    )
  const chosen = site.entries.filter(
    (entry) =>
      (experiment === undefined || entry.experiment === experiment.toLowerCase()) &&
      (services === undefined || services.some((name) => name.toLowerCase() === entry.name)),
  )
  const isNarrowed = experiment !== undefined || services !== undefined
  if (isNarrowed && chosen.length === 0)
    throw new RequestError(
      'unknown-service',
      services?.length
        ? `None of these services is of the experiment ${experiment}.`
        : 'The list services is empty: name some, or leave it out for all.',
    )
  return chosen
}

const nearest = (name: string, known: readonly string[]) =>
  known.length === 0 ? ': none is configured.' : `; did you mean ${closest(name.toLowerCase(), [...known])}?`

function startedEvent(
  run: string,
  trigger: RunStarted['trigger'],
  mode: RunMode,
  entries: readonly Entry[],
  site: Site,
  wrong: readonly Problem[],
) {
  const problems = wrong.filter(({ severity }) => severity === 'error')
  const now = Date.now()
  const body: RunStarted = {
    schema: schemaVersion,
    run,
    at: timestamp(new Date(now)),
    deadline: timestamp(new Date(now + site.timeouts.globalMs)),
    configHash: site.hash,
    trigger,
    mode,
    ...(problems.length > 0 && { configProblems: problems.slice(0, toldProblems).map(formatProblem) }),
    entries: entries.map(({ name, service, experiment, role, nodes }) => ({
      entry: name,
      ...{ service, experiment, role },
      nodes: [...nodes],
    })),
  }
  return { kind: 'fact' as const, subject: runSubject('started'), id: `${run}.started`, body }
}
