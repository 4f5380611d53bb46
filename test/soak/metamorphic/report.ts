/** What is said of a soak: a line of JSON a seed for programs, and readable lines of a failure. Pure. */
import { type Plan, sayStep } from './schedule.ts'
import type { Outcome } from './soak-once.ts'

/** One line of JSON. */
export const jsonLine = ({ plan, problems, runs, rows, seconds }: Outcome): string => {
  const { seed, lanes, method, steps, seconds: chaos } = plan
  return JSON.stringify({
    ...{ seed, seconds, chaos, steps: steps.length, lanes, method, runs, rows },
    ...{ result: problems.length === 0 ? 'held' : 'broken', problems },
  })
}

/** All that somebody needs to know of a failure: how to make it again, what was planned, what happened, what is wrong. */
export function sayFailure({ plan, problems, lines }: Outcome): string {
  const { seed, seconds, lanes, method } = plan
  return [
    `SOAK_SEED=${seed} SOAK_SECONDS=${seconds} SOAK_STEPS=${plan.steps.length}: ${lanes} lanes, ${method}`,
    ...['', 'Planned:', ...plan.steps.map(sayStep)],
    ...['', 'Happened:', ...lines],
    ...['', 'Wrong:', ...problems.map((problem) => `- ${problem}`)],
  ].join('\n')
}

/** The steps that a shorter schedule ends with. */
export const sayShortest = (plan: Plan, steps: number, good: number | undefined): string =>
  [
    `The shortest beginning that fails: SOAK_SEED=${plan.seed} SOAK_SECONDS=${plan.seconds} SOAK_STEPS=${steps}`,
    ...(good === undefined ? [] : [`${good} steps did not fail. What comes after them:`]),
    ...plan.steps.slice(good ?? 0, steps).map(sayStep),
  ].join('\n')
