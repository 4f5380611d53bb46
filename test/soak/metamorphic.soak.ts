/**
 * Faults of every kind at once, by a seed, and what must hold all the while and in the end (docs/soak.md). `SOAK_SECONDS`: how
 * long faults come; `SOAK_SEED`, or `SOAK_SEEDS=1-20`: which schedules; `SOAK_STEPS`: only so many steps of each;
 * `SOAK_BISECT=TRIES`: look for the shortest beginning that fails; `SOAK_RESULTS=FILE`: a line of JSON a seed goes there as
 * well; `SOAK_KEEP=DIRECTORY`: the files of a site that failed are copied there.
 */
import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { it, type TestContext } from 'node:test'
import { findShortest } from './metamorphic/bisect.ts'
import { jsonLine, sayFailure, sayShortest } from './metamorphic/report.ts'
import { type Plan, planSoak, prefixOf } from './metamorphic/schedule.ts'
import { readSeeds } from './metamorphic/seeds.ts'
import { soakOnce } from './metamorphic/soak-once.ts'

const { SOAK_SECONDS, SOAK_SEED, SOAK_SEEDS, SOAK_STEPS, SOAK_BISECT, SOAK_RESULTS, SOAK_KEEP } = process.env
const seconds = Number(SOAK_SECONDS ?? 40)
const steps = SOAK_STEPS === undefined ? Number.POSITIVE_INFINITY : Number(SOAK_STEPS)
const tries = Number(SOAK_BISECT ?? 0)
/** Of a single schedule, with all that it may have to wait for (milliseconds). */
const longestMs = (seconds + 900) * 1_000

for (const seed of readSeeds(SOAK_SEEDS ?? SOAK_SEED ?? '1'))
  it(`all that has to hold holds under faults for ${seconds} s (SOAK_SEED=${seed})`, {
    timeout: longestMs * (1 + tries),
  }, async (t) => {
    const plan = prefixOf(planSoak(seed, seconds), steps)
    const outcome = await soakOnce(plan, SOAK_KEEP)
    const line = jsonLine(outcome)
    t.diagnostic(line)
    if (SOAK_RESULTS) appendFileSync(SOAK_RESULTS, `${line}\n`)
    if (outcome.problems.length === 0) return
    t.diagnostic(sayFailure(outcome))
    if (tries > 0) await bisect(t, plan)
    assert.fail(outcome.problems.join('\n'))
  })

async function bisect(t: TestContext, plan: Plan): Promise<void> {
  const fails = async (length: number) => (await soakOnce(prefixOf(plan, length))).problems.length > 0
  const { steps: shortest, good } = await findShortest(plan.steps.length, fails, { tries })
  t.diagnostic(sayShortest(plan, shortest, good))
}
