/** One schedule, from a fresh site to its end: what was broken of what has to hold, in sentences. */
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from '../../support/pipeline.ts'
import { sampleProcesses } from '../../support/process-sampler.ts'
import { calmDown } from './calm.ts'
import { judgeRemains } from './judge-remains.ts'
import { judgeWorld } from './judge-world.ts'
import { kinds } from './kinds.ts'
import { isFault } from './model.ts'
import { observe, placesOf } from './observe.ts'
import { play } from './play.ts'
import type { Plan } from './schedule.ts'
import { openWorld } from './world.ts'

export interface Outcome {
  readonly plan: Plan
  /** Empty: all that has to hold has held. */
  readonly problems: readonly string[]
  /** What happened. */
  readonly lines: readonly string[]
  readonly runs: number
  /** How many faults of each row there were. */
  readonly rows: Readonly<Record<string, number>>
  /** All of it (seconds). */
  readonly seconds: number
}

/** Between two looks at all processes (milliseconds): what lives shorter is caught now and then. */
const samplingMs = 100

/** `keepIn`: where the files of a site with a problem are copied to. Never throws for what the site does. */
export async function soakOnce(plan: Plan, keepIn?: string): Promise<Outcome> {
  const began = performance.now()
  await using directory = await makeDirectory()
  const dir = join(directory.path, 'site')
  const happened: Happened = { lines: [], problems: [], runs: 0 }
  await soakIn(dir, plan, happened).catch((error: Error) =>
    happened.problems.push(`it broke off: ${error.stack}`),
  )
  if (happened.problems.length > 0 && keepIn)
    cpSync(dir, join(keepIn, `seed-${plan.seed}`), {
      recursive: true,
      filter: (file) => !file.endsWith('.sock'),
    })
  const faults = plan.steps.filter(isFault)
  const byRow = Map.groupBy(
    faults.flatMap(({ kind }) => kinds[kind]?.rows ?? []),
    String,
  )
  return {
    ...{ plan, ...happened, rows: Object.fromEntries([...byRow].map(([row, all]) => [row, all.length])) },
    seconds: Math.round((performance.now() - began) / 1_000),
  }
}

interface Happened {
  lines: string[]
  problems: string[]
  runs: number
}

async function soakIn(dir: string, plan: Plan, happened: Happened): Promise<void> {
  await using sampler = await sampleProcesses({ pauseMs: samplingMs })
  const hook = await soakSite(dir, plan, happened)
  const { texts } = await sampler.stop()
  happened.problems.push(...(await judgeRemains(dir, texts, hook)))
}

async function soakSite(dir: string, plan: Plan, happened: Happened): Promise<string> {
  await using world = await openWorld(dir, plan)
  const start = performance.now()
  const sinceStart = () => performance.now() - start
  await using observer = observe(placesOf(world.pipe.site), sinceStart)
  const played = await play(world, plan, sinceStart)
  happened.lines.push(...played.lines, `all faults are over at ${inSeconds(sinceStart())}`)
  happened.problems.push(...played.troubles)
  happened.runs = new Set(played.runs).size
  const calm = await calmDown(world, plan, played.runs)
  happened.problems.push(...calm.problems)
  happened.lines.push(`all is whole again at ${inSeconds(sinceStart())}`)
  // For whoever looks into a failure.
  writeFileSync(join(dir, 'told.json'), JSON.stringify(world.told, null, 1))
  happened.problems.push(
    ...(await judgeWorld(world, plan, { ...played, runs: [...played.runs, calm.run] }, observer.look())),
  )
  return world.hook
}

const inSeconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
