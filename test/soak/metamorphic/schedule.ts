/** The schedule of a soak: which faults and which runs come when. A function of the seed and the length, and of nothing else. */
import { entryName } from '../../../sandbox/entry.ts'
import { randomOf } from '../../support/random.ts'
import { choicesOf, entries, type FaultKind, kinds } from './kinds.ts'

export interface FaultStep {
  readonly what: 'fault'
  /** Milliseconds from the beginning. */
  readonly at: number
  /** A key of `kinds`. */
  readonly kind: string
  readonly on: string
  /** 0: it happens; `null`: it stays so. */
  readonly forMs: number | null
  /** A number from 0 to 1 for whatever else is to be chosen. */
  readonly dice: number
}

export interface RunStep {
  readonly what: 'run'
  readonly at: number
  /** Absent: all. */
  readonly services?: readonly string[]
  /** Asked for by so many operators at once. */
  readonly times: number
}

export type Step = FaultStep | RunStep

export interface Plan {
  readonly seed: number
  readonly seconds: number
  readonly lanes: number
  readonly method: 'script' | 'direct'
  /** In the order in which they come. */
  readonly steps: readonly Step[]
}

/** Between two faults, and between two runs, on average (milliseconds). */
const faultEveryMs = 2_600
const runEveryMs = 6_500
/** What can stay so to the end, and how often it does. */
const lasting = new Set(['entry removed', 'service revoked'])
const lastingShare = 0.3

/** Pure. */
export function planSoak(seed: number, seconds: number): Plan {
  const random = randomOf(seed)
  const lanes = 1 + Math.floor(random() * 3)
  const method = random() < 0.5 ? 'script' : 'direct'
  const steps = [...planRuns(random, seconds * 1_000), ...planFaults(random, seconds * 1_000)]
  return { seed, seconds, lanes, method, steps: steps.toSorted((a, b) => a.at - b.at) }
}

/** The beginning of a schedule, as long as so many steps. Pure. */
export const prefixOf = (plan: Plan, steps: number): Plan => ({ ...plan, steps: plan.steps.slice(0, steps) })

function planRuns(random: () => number, endMs: number): RunStep[] {
  const runs: RunStep[] = []
  for (let at = 0; at < endMs; at += (0.4 + 1.2 * random()) * runEveryMs) {
    const some = entries.map(entryName).filter(() => random() < 0.5)
    const isOfSome = random() < 0.3 && some.length > 0
    const times = random() < 0.2 ? 2 : 1
    runs.push({ what: 'run', at: Math.round(at), ...(isOfSome && { services: some }), times })
  }
  return runs
}

function planFaults(random: () => number, endMs: number): FaultStep[] {
  const steps: FaultStep[] = []
  const taken = new Map<string, number>()
  for (let at = random() * faultEveryMs; at < endMs; at += (0.3 + 1.4 * random()) * faultEveryMs) {
    const [kind, on, share, dice] = [chooseKind(random()), random(), random(), random()]
    const step = planFault(kind, Math.round(at), { on, share, dice })
    const name = takenBy(step)
    if ((taken.get(name) ?? 0) > at) continue
    taken.set(name, step.forMs === null ? Number.POSITIVE_INFINITY : at + step.forMs + 1_000)
    steps.push(step)
  }
  return steps
}

function planFault(kind: string, at: number, dice: { on: number; share: number; dice: number }): FaultStep {
  const { lasts, ...about } = kinds[kind] as FaultKind
  const on = pick(choicesOf(about), dice.on)
  const isLasting = lasting.has(kind) && dice.dice < lastingShare
  const [least, most] = lasts ?? [0, 0]
  const forMs = isLasting ? null : Math.round((least + (most - least) * dice.share) * 1_000)
  return { what: 'fault', at, kind, on, forMs, dice: dice.dice }
}

/** Of all nodes, daemons … each has faults of its own; the bus and Vault are there once. */
function takenBy({ kind, on }: FaultStep): string {
  const { takes = kind } = kinds[kind] as FaultKind
  return `${takes} ${['entry', 'bus', 'keys'].includes(takes) ? '' : on}`
}

function chooseKind(random: number): string {
  const all = Object.entries(kinds)
  const weightOf = ({ weight = 1 }: FaultKind) => weight
  const total = all.reduce((sum, [, kind]) => sum + weightOf(kind), 0)
  let left = random * total
  for (const [name, kind] of all) {
    left -= weightOf(kind)
    if (left < 0) return name
  }
  return all[0]?.[0] ?? ''
}

const pick = (of: readonly string[], random: number) => of[Math.floor(random * of.length)] ?? ''

/** One line for people. Pure. */
export function sayStep(step: Step): string {
  const at = `+${(step.at / 1_000).toFixed(1).padStart(5)} s`
  if (step.what === 'run') {
    const of = step.services?.join(', ') ?? 'everything'
    return `${at}  run of ${of}${step.times > 1 ? `, asked for ${step.times} times at once` : ''}`
  }
  const { kind, on, forMs } = step
  const long = forMs === null ? ' to the end' : forMs > 0 ? ` for ${(forMs / 1_000).toFixed(1)} s` : ''
  return `${at}  ${kind}${on ? `: ${on}` : ''}${long} (row ${kinds[kind]?.rows.join(', ')})`
}
