/** Answers `managed-tokens.run`: picks the entries, mints a run, publishes its plan, and says at once what will be done. */

import type { KV } from '@nats-io/kv'
import { closest } from 'fastest-levenshtein'
import { isBusError } from '../../../shared/bus/bus-errors.ts'
import type { Bus } from '../../../shared/bus/connect.ts'
import { readMessage } from '../../../shared/bus/parse-message.ts'
import { type Fact, publishAll } from '../../../shared/bus/publish.ts'
import { cutIntoPages } from '../../../shared/bus/requests/page.ts'
import { parseRequest } from '../../../shared/bus/requests/parse-request.ts'
import { RequestError } from '../../../shared/bus/requests/serve-requests.ts'
import { unlessMissing } from '../../../shared/bus/streams/topology.ts'
import { formatProblem, type Problem } from '../../../shared/config/read/problem.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { envelope } from '../../../shared/contracts/envelope.ts'
import {
  type Asker,
  asker,
  type RunMode,
  type RunStarted,
  timestamp,
} from '../../../shared/contracts/messages.ts'
import { runId } from '../../../shared/contracts/run-id.ts'
import { refreshSubject, runSubject, streams } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { setStage } from '../../../shared/telemetry/metrics/stages.ts'
import { inRootSpan } from '../../../shared/telemetry/traces/root-span.ts'
import { describeRevoked, findRevocation, type RevokedList } from '../../../shared/work/revoked.ts'
import { findIdentical, findJoined, type LastRun, planDigest } from './joined.ts'
import { mintRunId } from './mint-run-id.ts'
import { openRunLimit, type RunLimit } from './run-limit.ts'

/** Far more than a site has (entries), and than a name has (characters). */
const [mostNames, longestName] = [10_000, 200]
const name = z.string().max(longestName)

/** The body of `managed-tokens.run`; all of it may be left out. */
export const runRequest = z.strictObject({
  experiment: name.optional().describe('Only the entries of this experiment.'),
  services: z.array(name).max(mostNames).optional().describe('Only these entries.'),
  by: asker.optional(),
  push: z.boolean().default(true).describe('`false`: the predecessor’s test mode, nodes are left alone.'),
  notify: z.boolean().default(true).describe('`false`: nobody is told of failures.'),
})
export type RunRequest = z.output<typeof runRequest>

/** More unknown names than these help nobody: the nearest to each has to be looked for. */
const toldNames = 10
/** More problems of a broken configuration than these help nobody. */
const toldProblems = 20

export interface RunAnswer {
  readonly run: string
  readonly entries: readonly string[]
  /** Entries left to a fuller run that is under way: entry → that run. */
  readonly joined: Readonly<Record<string, string>>
  /** How many entries besides are in the run, where one message cannot name them all; absent: none. */
  readonly more?: number
  /** Entries of revoked services, which the run leaves alone: entry → why, a clause. */
  readonly revoked?: Readonly<Record<string, string>>
}

export interface RunDeps {
  readonly bus: Bus
  readonly runs: KV
  /** The configuration, read again: every run starts with the newest good file. */
  readonly freshSite: () => Site
  /** What is wrong with the file where the last good one stays in force; administrators are told. */
  readonly problems?: () => readonly Problem[]
  /** The services of which nothing is made. */
  readonly revoked: () => Promise<RevokedList>
}

/**
 * Answers `managed-tokens.run`, one request after the other: whoever asks for the same run at the same time gets the same one,
 * and there is a limit to how many. Throws as {@link startRun} does.
 */
export function openRunRequests(
  deps: RunDeps,
  limit: RunLimit = openRunLimit(),
): (body: unknown) => Promise<RunAnswer> {
  let asked: Promise<unknown> = Promise.resolve()
  const answer = async (body: unknown): Promise<RunAnswer> => {
    const begun = performance.now()
    const request = readRequest(body, deps)
    const { wanted, mode } = request
    const { allowed, leftAlone } = await withoutRevoked(wanted, deps)
    if (wanted.length > 0 && allowed.length === 0)
      throw new RequestError(
        'revoked',
        `${leftAlone.map(describeRevoked).join('; ')}: managed-tokens restore lets it run again.`,
      )
    const same = await findIdentical(allowed, mode, deps.runs, lastRunOn(deps.bus))
    if (same) return { ...answerOf(same, allowed, {}), ...toldOf(leftAlone) }
    limit.take()
    return startWanted(request, 'request', deps, () => mintRunId(deps.runs), begun)
  }
  return (body) => {
    const answered = asked.then(() => answer(body))
    asked = answered.catch(() => undefined)
    return answered
  }
}

const askLast = async (bus: Bus) => (await bus.lastMessage(streams.tokens, runSubject('started')))?.data

const lastRunOn = (bus: Bus): LastRun => ({
  askLast: () => askLast(bus),
  async isQueued(run, entry) {
    const item = await unlessMissing(() => bus.lastMessage(streams.refresh, refreshSubject(entry)))
    return Boolean(item && readMessage(ofRun, item.data)?.run === run)
  },
})

const ofRun = z.object({ run: runId })

function readRequest(body: unknown, { freshSite }: RunDeps) {
  const { push, notify, by, ...wishes } = parseRequest(runRequest, body)
  const site = freshSite()
  const mode: RunMode = { push, notify }
  return { site, mode, by, wanted: chooseEntries(site, wishes) }
}

type LeftAlone = NonNullable<RunStarted['leftAlone']>

async function withoutRevoked(
  wanted: readonly Entry[],
  { revoked }: RunDeps,
): Promise<{ readonly allowed: readonly Entry[]; readonly leftAlone: LeftAlone }> {
  const list = await revoked().catch((error: unknown) => {
    throw isBusError(error) ? error : new RequestError('revocations-unreadable', (error as Error).message)
  })
  const found = wanted.map((entry) => ({ entry, by: findRevocation(list, entry.service) }))
  return {
    allowed: found.flatMap(({ entry, by }) => (by ? [] : entry)),
    leftAlone: found.flatMap(({ entry, by }) =>
      by ? { entry: entry.name, service: by.service, since: by.since, reason: by.reason } : [],
    ),
  }
}

const toldOf = (leftAlone: LeftAlone) =>
  leftAlone.length === 0
    ? {}
    : { revoked: Object.fromEntries(leftAlone.map((one) => [one.entry, describeRevoked(one)])) }

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
  return startWanted(readRequest(body, deps), trigger, deps, mint, begun)
}

async function startWanted(
  { wanted, mode, site, by }: ReturnType<typeof readRequest>,
  trigger: RunStarted['trigger'],
  deps: RunDeps,
  mint: () => Promise<string>,
  begun: number,
): Promise<RunAnswer> {
  const { allowed, leftAlone } = await withoutRevoked(wanted, deps)
  const joined = await findJoined(allowed, mode, deps.runs, () => askLast(deps.bus))
  const entries = allowed.filter(({ name }) => !(name in joined))
  const run = await mint()
  const problems = deps.problems?.() ?? []
  const started = startedEvents(run, { trigger, mode, by, leftAlone }, entries, site, problems)
  await inRootSpan('run', run, () => publishAll(deps.bus, started))
  setStage('token-push', 'setup', (performance.now() - begun) / 1_000)
  return { ...answerOf(run, entries, joined), ...toldOf(leftAlone) }
}

/** As much as fits into one message: of what was joined at least one entry of each run, so that every run is named. Pure. */
export function answerOf(run: string, entries: readonly Entry[], joined: RunAnswer['joined']): RunAnswer {
  const [named = []] = cutIntoPages(
    entries.map(({ name }) => name),
    mostOfAnswer,
  )
  const [shown = []] = cutIntoPages(Object.entries(joined), mostOfAnswer)
  const byRun = Map.groupBy(Object.entries(joined), ([, other]) => other)
  const more = entries.length - named.length
  return {
    ...{ run, entries: named },
    joined: Object.fromEntries([...shown, ...byRun.values().flatMap(([first]) => (first ? [first] : []))]),
    ...(more > 0 && { more }),
  }
}

/** Of the entries, and of those that were joined (bytes): both fit into one message. */
const mostOfAnswer = 400 * 1024

/** The entries a request names; unknown ones are refused with the nearest known, and so is a request that names none. Pure. */
export function chooseEntries(
  site: Pick<Site, 'entries'>,
  { experiment, services }: Partial<RunRequest>,
): readonly Entry[] {
  const names = site.entries.map((entry) => entry.name)
  const asked = services && new Set(services.map((one) => one.toLowerCase()))
  const known = new Set(names)
  const unknown = [...(asked ?? [])].filter((one) => !known.has(one))
  if (unknown.length > 0) throw new RequestError('unknown-service', describeUnknown(unknown, names))
  const experiments = [...new Set(site.entries.map((entry) => entry.experiment))]
  if (experiment !== undefined && !experiments.includes(experiment.toLowerCase()))
    throw new RequestError(
      'unknown-experiment',
      `No experiment ${experiment}${nearest(experiment, experiments)}`,
    )
  const chosen = site.entries.filter(
    (entry) =>
      (experiment === undefined || entry.experiment === experiment.toLowerCase()) &&
      (asked === undefined || asked.has(entry.name)),
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

function describeUnknown(unknown: readonly string[], names: readonly string[]): string {
  const told = unknown.slice(0, toldNames).map((one) => `No service ${one}${nearest(one, names)}`)
  const more = unknown.length - told.length
  return [...told, ...(more > 0 ? [`And ${more} more that are unknown.`] : [])].join(' ')
}

const nearest = (name: string, known: readonly string[]) =>
  known.length === 0 ? ': none is configured.' : `; did you mean ${closest(name.toLowerCase(), [...known])}?`

/** The plan, in as many messages as it needs. */
export function startedEvents(
  run: string,
  {
    trigger,
    mode,
    by,
    leftAlone,
  }: Pick<RunStarted, 'trigger' | 'mode'> & { readonly by: Asker | undefined; readonly leftAlone: LeftAlone },
  entries: readonly Entry[],
  site: Pick<Site, 'timeouts' | 'hash'>,
  wrong: readonly Problem[],
): Fact[] {
  const problems = wrong.filter(({ severity }) => severity === 'error')
  const now = new Date()
  const whole: Omit<RunStarted, 'entries'> = {
    ...envelope(timestamp(now)),
    run,
    deadline: timestamp(new Date(now.getTime() + site.timeouts.globalMs)),
    configHash: site.hash,
    trigger,
    mode,
    ...(by && { by }),
    ...(leftAlone.length > 0 && { leftAlone }),
    ...(problems.length > 0 && { configProblems: problems.slice(0, toldProblems).map(formatProblem) }),
  }
  const planned = entries.map(({ name, service, experiment, role, nodes }) => ({
    entry: name,
    ...{ service, experiment, role },
    nodes: [...nodes],
  }))
  const plan = planDigest(entries.map(({ name }) => name))
  return cutIntoPages(planned).map((some, index, { length: of }) => {
    const part = of > 1 ? { part: { number: index + 1, of, plan } } : {}
    const body: RunStarted = { ...whole, ...part, entries: [...some] }
    const id = index === 0 ? `${run}.started` : `${run}.started.${index + 1}`
    return { kind: 'fact', subject: runSubject('started'), id, body }
  })
}
