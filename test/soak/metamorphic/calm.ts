/** When all faults are over: one more run puts every token in place, by itself and at once. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { entryName, type SiteEntry, serviceName } from '../../../sandbox/entry.ts'
import { creddFile, layoutOf, nodeTmp } from '../../../sandbox/layout.ts'
import { verifySite } from '../../../sandbox/verify.ts'
import type { RunStatus } from '../../../services/notifier/ledger/answer-status.ts'
import { eventually } from '../../support/latch.ts'
import { within } from '../../support/pipeline.ts'
import { entries } from './kinds.ts'
import { type Desired, desiredAtTheEnd } from './model.ts'
import type { Plan } from './schedule.ts'
import type { World } from './world.ts'

/** How long the site may take to be whole again on a busy machine (milliseconds). */
const calmMs = 240_000

/** What comes of a machine that has much else to do is tried again, and works before the end. */
const ofBusyMachine = /timeout|unreachable/

export interface Calm {
  readonly run: string
  /** A sentence for each thing that is not as it has to be then. */
  readonly problems: readonly string[]
}

export async function calmDown({ pipe, dir }: World, plan: Plan, earlier: readonly string[]): Promise<Calm> {
  const desired = desiredAtTheEnd(plan)
  await within(calmMs, 'all daemons are ready again', pipe.supervisor.ready())
  const run = await startNewRun(pipe, earlier)
  await pipe.untilStatus(run, 'all is done in the last run', (status) => isWhole(status, desired), calmMs)
  await pipe.finish(run, calmMs)
  const revoked = entries.filter((entry) => desired.revoked.includes(entryName(entry)))
  await eventually(
    async () => leftOf(pipe.site, revoked).length === 0,
    'nothing is left of what was revoked',
    calmMs,
  ).catch((error: Error) => error.message)
  const failed = (await pipe.storedFacts(run)).filter(
    ({ subject, body }) => subject.startsWith('token.failed.') && !ofBusyMachine.test(String(body.code)),
  )
  const problems = [
    ...(await findWrong(dir, desired)),
    ...leftOf(pipe.site, revoked).map((what) => `it was revoked, and is there: ${what}`),
    ...failed.map(
      ({ body }) =>
        `failed when all faults were over: ${body.entry} ${body.code} ${body.node ?? body.credd ?? ''}`,
    ),
  ]
  return { run, problems }
}

/** Who asks for the same as is just beginning is given that run, and with it what has failed there for good already. */
async function startNewRun(pipe: World['pipe'], earlier: readonly string[]): Promise<string> {
  let run = ''
  await eventually(
    async () => {
      run = (await pipe.untilRunStarts(calmMs)).run
      return !earlier.includes(run)
    },
    'a new run starts',
    calmMs,
  )
  return run
}

const isWhole = ({ entries: rows }: RunStatus, { wanted }: Desired) =>
  wanted.every((name) => {
    const row = rows.find(({ entry }) => entry === name)
    return row && [row.refresh, ...row.targets].every(({ state }) => state === 'done')
  })

/** What a push that was killed with its node leaves, until an hour later somebody pushes there: nobody but its account gets into it. */
function isLeftByKill(dir: string, node: string, problem: string): boolean {
  const [, name] = /^\/tmp\/(\.managed-tokens\.\w+) should not be there$/.exec(problem) ?? []
  return name !== undefined && (statSync(join(nodeTmp(layoutOf(dir), node), name)).mode & 0o7777) === 0o700
}

async function findWrong(dir: string, { wanted }: Desired): Promise<string[]> {
  const findings = await verifySite({ dir })
  return findings
    .filter(({ entry }) => !entry || wanted.includes(entry))
    .flatMap(({ entry, target, problems }) =>
      problems
        .filter((problem) => !isLeftByKill(dir, target, problem))
        .map((problem) => `${target} ${entry}: ${problem}`),
    )
}

/** Every file of these entries, on nodes and in credds. */
function leftOf({ layout }: World['pipe']['site'], of: readonly SiteEntry[]): string[] {
  return of.flatMap((entry) => [
    ...entry.nodes.flatMap((node) =>
      readdirSync(nodeTmp(layout, node))
        .filter((name) => name.startsWith(`vt_u${entry.uid}`))
        .map((name) => `${node}:/tmp/${name}`),
    ),
    ...entry.credds.filter((credd) =>
      existsSync(creddFile(layout, credd, entry.account, serviceName(entry))),
    ),
  ])
}
