/** One run in which daemons may die: it ends well, costs no more than promised, and tells everybody what there is to tell. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { readTogether } from '../../../sandbox/calls.ts'
import { entryName } from '../../../sandbox/entry.ts'
import { writeFaults } from '../../../sandbox/faults.ts'
import { type Daemon, daemons } from '../../../shared/contracts/subjects.ts'
import { nova, plainEntries } from '../held-work.ts'
import { assertNoMisuse, countWork, emptyEnds, findMisplaced, type Mark, markNow } from '../site-ends.ts'
import { readMails } from '../told.ts'
import type { KillSite } from './site.ts'

/** With a bearer token as well: its file is a further stage. */
export const entries = plainEntries.map((entry) =>
  entry.experiment === 'mu2e'
    ? { ...entry, deliver: ['vault' as const, { bearer: { scopes: ['storage.read:/mu2e'] } }] }
    : entry,
)
const good = { done: 8, failed: 0, superseded: 0, unfinished: 0 }
const names = entries.map(entryName)

/** What a run that nobody disturbs does (as `countWork` tells it), and whom it sends which mails. */
export interface Usual {
  readonly work: Readonly<Record<string, number>>
  readonly mails: readonly string[]
}

export interface Round {
  /** Somebody of nova has to log in. */
  readonly isFailing?: boolean
  /** Absent: nobody dies in it. */
  readonly usual?: Usual
}

/** Throws where a promise was broken. Returns what was done in it. */
export async function playRound(at: KillSite, { isFailing = false, usual }: Round): Promise<Usual> {
  const { site } = at.pipe
  writeFaults(site.dir, isFailing ? { 'needs-onboarding': [nova] } : {})
  emptyEnds(site)
  const mark = markNow(site)
  const [mails, lives] = [new Set((await readMails(site.dir)).map(({ id }) => id)), at.pipe.life.all.length]
  const { run, asked } = await ask(at)
  const { totals } = await at.pipe.finish(run, 300_000)
  at.letLive()
  await at.untilReady()
  // Who died while people were told tells them now.
  await at.pipe.finish(run)
  const deaths = countDeaths(at, lives)
  assertStoppedWell(at, lives)
  assert.deepEqual(totals, isFailing ? { ...good, done: 7, failed: 1 } : good)
  const delivered = names.filter((name) => !isFailing || name !== nova)
  assert.deepEqual(await findMisplaced(site, delivered), [])
  await assertToldOnce(at, run, isFailing)
  const sent = await mailsSince(at, mails, deaths.notifier)
  const work = assertCost(at, mark, usual, deaths, asked)
  // Where the answer was lost the first run goes on, and what fails in both is told of both.
  const told = asked > 1 ? [...new Set(sent)] : sent
  if (usual) assert.deepEqual(told, usual.mails, 'mails')
  return { work, mails: sent }
}

/** Asks until there is an answer: who is killed before it may have started the run. */
async function ask(at: KillSite): Promise<{ readonly run: string; readonly asked: number }> {
  for (let asked = 1; ; asked++) {
    try {
      return { ...(await at.pipe.startRun()), asked }
    } catch (error) {
      if (asked === 100) throw error
      await sleep(250)
    }
  }
}

/** A daemon that was ready and is told to stop ends by itself. */
function assertStoppedWell({ pipe }: KillSite, since: number): void {
  const died = pipe.life.all.slice(since).filter((event) => event.type === 'died')
  const wasReady = (pid: number) => pipe.life.all.some((event) => event.type === 'ready' && event.pid === pid)
  const ends = died.filter(({ pid, how }) => wasReady(pid) && !how.endsWith('SIGKILL'))
  for (const { name, how } of ends) assert.equal(how, 'ended with exit code 0', name)
}

function countDeaths({ pipe }: KillSite, since: number): Record<Daemon, number> {
  const died = pipe.life.all.slice(since).filter(({ type }) => type === 'died')
  const count = (name: Daemon) => died.filter((one) => one.name === name).length
  return Object.fromEntries(daemons.map((name) => [name, count(name)])) as Record<Daemon, number>
}

async function assertToldOnce({ pipe }: KillSite, run: string, isFailing: boolean): Promise<void> {
  const facts = await pipe.storedFacts(run)
  const told = facts.map(({ subject, body: { credd, node, target } }) =>
    [subject, credd ?? node ?? target].join(' '),
  )
  const twice = told.filter((fact, index) => told.indexOf(fact) !== index)
  assert.deepEqual(twice, [], 'facts told twice')
  const failed = facts.filter(({ subject }) => subject.startsWith('token.failed'))
  const failures = failed.map(({ body: { entry, code } }) => `${entry} ${code}`)
  assert.deepEqual(failures, isFailing ? [`${nova} authentication-needed`] : [], 'failures told')
}

/** Each mail once for each time that the notifier died, and once more: between taken and noted, nobody can know. */
async function mailsSince(
  { pipe }: KillSite,
  before: ReadonlySet<string>,
  deaths: number,
): Promise<readonly string[]> {
  const mails = (await readMails(pipe.site.dir)).filter(({ id }) => !before.has(id))
  const deliveries = Map.groupBy(mails, ({ id }) => id)
  for (const [, [mail, ...again]] of deliveries)
    assert.ok(again.length <= deaths, `${mail?.to} got "${mail?.subject}" ${again.length + 1} times`)
  return [...deliveries.values()].flatMap(([mail]) => mail?.to ?? []).sort()
}

/** What a run does is done at most once more for each time that the daemon died that does it, and never beside another. */
function assertCost(
  { pipe: { site } }: KillSite,
  mark: Mark,
  usual: Usual | undefined,
  deaths: Readonly<Record<Daemon, number>>,
  asked: number,
): Usual['work'] {
  const whose = { refresh: 'refresher', store: 'storer', push: 'distributor' } as const
  const work = countWork(site, mark)
  for (const [what, times] of Object.entries(usual ? work : {})) {
    const [kind] = what.split(' ') as [keyof typeof whose]
    const most = (usual?.work[what] ?? 0) * (asked + deaths[whose[kind]])
    assert.ok(times <= most, `${what}: ${times} times, where ${most} are allowed`)
  }
  assertNoMisuse(site)
  assert.deepEqual(readTogether(site.dir), [], 'storers at once')
  return work
}
