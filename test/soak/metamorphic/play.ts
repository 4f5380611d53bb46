/** Plays a schedule at a site: each step at its time, each fault ended at its own, and all of them in the end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../../cli/bus/connection.ts'
import type { RunAnswer } from '../../../services/refresher/start-run/run-request.ts'
import { requests } from '../../../shared/contracts/subjects.ts'
import { begin, type End } from './effects.ts'
import { isFault } from './model.ts'
import { type FaultStep, type Plan, type RunStep, type Step, sayStep } from './schedule.ts'
import type { World } from './world.ts'

export interface Played {
  /** What was asked for and what happened, a line each. */
  readonly lines: readonly string[]
  readonly runs: readonly string[]
  /** Faults that could not be made, or not be ended. */
  readonly troubles: readonly string[]
  /** When each fault was there (milliseconds from the beginning). */
  readonly times: ReadonlyMap<FaultStep, { readonly from: number; readonly until: number }>
}

/** Resolves when every step has been played and every fault has ended that is to end. */
export async function play(world: World, plan: Plan, sinceStart: () => number): Promise<Played> {
  const lines: string[] = []
  const runs: string[] = []
  const times = new Map<FaultStep, { from: number; until: number }>()
  const under: Promise<void>[] = []
  const troubles: string[] = []
  const say = (step: Step, what: string) => lines.push(`${sayStep(step)}${what && `: ${what}`}`)

  for (const step of plan.steps) {
    await sleep(Math.max(0, step.at - sinceStart()))
    const playing = isFault(step) ? suffer(step) : start(step)
    under.push(playing.catch((error) => void troubles.push(`the harness: ${sayStep(step)}: ${error}`)))
  }
  // Nothing begins after that; what goes on ends at its time.
  await sleep(Math.max(0, plan.seconds * 1_000 - sinceStart()))
  await Promise.all(under)
  return { lines, runs, times, troubles }

  async function suffer(step: FaultStep): Promise<void> {
    const from = sinceStart()
    times.set(step, { from, until: Number.POSITIVE_INFINITY })
    const end = await begin(world, step)
    say(step, '')
    if (step.forMs === null) return
    await sleep(step.forMs)
    await end?.()
    times.set(step, { from, until: sinceStart() })
  }

  async function start(step: RunStep): Promise<void> {
    const asked = Array.from({ length: step.times }, () => askForRun(world, step))
    const answers = await Promise.all(asked)
    for (const answer of answers) if (!(answer instanceof Error)) runs.push(answer.run)
    say(step, answers.map((answer) => (answer instanceof Error ? answer.message : answer.run)).join(', '))
  }
}

export type { End }

/** A bus or a refresher that is away says so, or nothing. */
const askForRun = ({ pipe }: World, { services }: RunStep): Promise<RunAnswer | Error> =>
  ask<RunAnswer>(pipe.bus, requests.run, services ? { services } : {}).catch((error: Error) => error)
