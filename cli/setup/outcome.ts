/** What came of each step, for people, and what is left. Pure. */
import type { View } from '../terminal/terminal.ts'
import type { Wish } from './wish.ts'

export interface Outcome {
  readonly about: string
  readonly state: 'kept' | 'done' | 'would do' | 'yours' | 'problem'
  readonly says: string
  /** What a person has to do. */
  readonly next?: string
}

export function renderOutcome({ about, state, says, next }: Outcome, { colours }: View): string {
  const colour = {
    kept: colours.dim,
    done: colours.green,
    'would do': colours.cyan,
    yours: colours.yellow,
    problem: colours.red,
  }[state]
  return `${colour(state.padEnd(8))} ${about.padEnd(14)} ${says}${next ? ` ${colours.dim('→')} ${next}` : ''}`
}

export interface Summary {
  readonly changed: number
  /** Left for a person. */
  readonly left: number
  /** Something stands in the way. */
  readonly stopped: boolean
  readonly says: string
}

export function summaryOf(outcomes: readonly Outcome[], { user }: Pick<Wish, 'user'>): Summary {
  const count = (...states: Outcome['state'][]) =>
    outcomes.filter(({ state }) => states.includes(state)).length
  const [changed, would, left] = [count('done'), count('would do'), count('yours')]
  const stopped = count('problem') > 0
  const did =
    would > 0 ? `${would} to do: nothing was changed` : changed > 0 ? `${changed} done` : 'Nothing to do'
  return { changed, left, stopped, says: `${did}. ${nextOf(stopped, left, would, user)}` }
}

function nextOf(stopped: boolean, left: number, would: number, user: string): string {
  if (stopped) return 'Mend the problem, then run setup again: it goes on where it stopped.'
  if (left > 0) return `${left} left for you (“yours” above); run setup again afterwards.`
  return would > 0 ? 'Without --dry-run they are done.' : `Next: runuser -u ${user} -- managed-tokens doctor`
}
