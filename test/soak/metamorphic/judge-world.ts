/** Gathers what a soak has left to be judged, while its site is still there, and judges it. */
import { readFileSync } from 'node:fs'
import { readMisuse, readTogether } from '../../../sandbox/calls.ts'
import { entryName } from '../../../sandbox/entry.ts'
import type { RunStatus } from '../../../services/notifier/ledger/answer-status.ts'
import { readMails } from '../../support/told.ts'
import { judgePlaces, type Known } from './judge-places.ts'
import { judgeTold } from './judge-told.ts'
import { entries } from './kinds.ts'
import { desiredAtTheEnd, disturbances, loginAskedFrom, losesMemory } from './model.ts'
import type { Seen } from './observe.ts'
import { placeOfPlanted } from './plant.ts'
import type { Played } from './play.ts'
import type { Plan } from './schedule.ts'
import { pathOnNode, type World } from './world.ts'

export async function judgeWorld(
  world: World,
  plan: Plan,
  played: Played,
  seen: readonly Seen[],
): Promise<string[]> {
  const { pipe, dir } = world
  return [
    ...judgePlaces(seen, { ...knownOf(world), planted: plantedBy(world, played) }),
    ...readMisuse(dir).map(({ what }) => `a program was used in a way that it must not be: ${what}`),
    ...judgeLanes(dir, plan),
    ...judgeTold({
      told: world.told,
      mayRepeat: disturbances(plan),
      failed: await failuresOf(pipe, played),
      remembers: !losesMemory(plan),
      wanted: desiredAtTheEnd(plan).wanted,
    }),
    ...judgeLogins(world, plan),
    ...(await judgeMails(dir, plan)),
  ]
}

function knownOf({ pipe, runOf }: World): Pick<Known, 'issued' | 'runOf'> {
  const lines = readFileSync(pipe.site.layout.tokens, 'utf8').split('\n').filter(Boolean)
  const issued = lines
    .map((line) => JSON.parse(line) as { token: string; kind: string; service: string })
    .map(({ token, service }, number) => [token, { service, number }] as const)
  return { issued: new Map(issued), runOf }
}

const plantedBy = ({ pipe }: World, { times }: Played) =>
  [...times]
    .filter(([{ kind }]) => kind === 'planted')
    .map(([step, time]) => {
      const { node, name } = placeOfPlanted(step)
      return { path: pathOnNode(pipe, node, name), ...time }
    })

/** How many storers were under way at once, at most. */
function judgeLanes(dir: string, { lanes }: Plan): string[] {
  const met = Map.groupBy(readTogether(dir), ({ pid }) => pid)
  const most = 1 + Math.max(0, ...[...met.values()].map((others) => others.length))
  return most > lanes ? [`${most} storers at once in ${lanes} lanes`] : []
}

/** So soon after a run's end people have heard of it, whatever lay on the bus (milliseconds). */
const tellingMs = 30_000

/** What failed in the end of each run that has finished, as the ledger has it; but for what a newer run mended before people heard. */
async function failuresOf(pipe: World['pipe'], { runs }: Played) {
  const asked = [...new Set(runs)].map((run) => pipe.status(run).catch(() => undefined))
  const things = (await Promise.all(asked)).flatMap((status) => (status?.finished ? thingsIn(status) : []))
  const isMended = (one: (typeof things)[number]) =>
    things.some(
      ({ run, name, entry, where, state, at }) =>
        run > one.run &&
        `${entry} ${where} ${name}` === `${one.entry} ${one.where} ${one.name}` &&
        state === 'done' &&
        Date.parse(at) < Date.parse(one.ended) + tellingMs,
    )
  return things.filter((one) => one.state === 'failed' && !isMended(one))
}

const thingsIn = ({ run, finished, entries: rows }: RunStatus) =>
  rows.flatMap(({ entry, service, refresh, targets }) =>
    [
      { ...refresh, kind: 'refresh', name: service },
      ...targets.filter(({ cause }) => cause !== 'refresh'),
    ].map(({ kind, name, state, at }) => ({
      run,
      ended: finished ?? '',
      entry,
      where: kind,
      name,
      state,
      at,
    })),
  )

/** Nobody is told to log in but where a login is what is missing. */
function judgeLogins({ told }: World, plan: Plan): string[] {
  const asked = told.flatMap(({ news }) =>
    news
      .filter(({ kind, code }) => kind === 'authentication' || code === 'authentication-needed')
      .flatMap(({ entry, affected }) => (entry ? [entry] : (affected?.entries ?? []))),
  )
  return [...new Set(asked)]
    .filter((entry) => loginAskedFrom(plan, entry) === undefined)
    .map((entry) => `somebody of ${entry} was asked to log in without need`)
}

/** Each mail comes once, and a stakeholder hears of a login only where one is missing. */
async function judgeMails(dir: string, plan: Plan): Promise<string[]> {
  const mails = await readMails(dir)
  const distinct = new Set(mails.map(({ id, to }) => `${id} ${to}`))
  const repeated = mails.length - distinct.size
  const asked = mails.filter(
    ({ to, text }) => !to.startsWith('admin') && text.includes('managed-tokens onboard'),
  )
  const mayAsk = entries.filter((entry) => loginAskedFrom(plan, entryName(entry)) !== undefined)
  return [
    ...(repeated > 5 * disturbances(plan) ? [`${repeated} mails came twice`] : []),
    ...asked
      .filter(({ to }) => !mayAsk.some(({ experiment }) => to.startsWith(`${experiment}-operators@`)))
      .map(({ to }) => `${to} was asked to log in without need`),
  ]
}
