/** A badge for a wiki: the experiment's name and one word. Pure. */
import type { State } from './place.ts'

export interface Badge {
  readonly label: string
  readonly word: string
  readonly state: State | 'unknown'
  readonly labelWidth: number
  readonly wordWidth: number
  readonly width: number
}

export function badgeOf(experiment: string, state: State | 'unknown'): Badge {
  const label = `${experiment} tokens`
  const [labelWidth, wordWidth] = [widthOf(label), widthOf(state)]
  return { label, word: state, state, labelWidth, wordWidth, width: labelWidth + wordWidth }
}

/** Pixels of a text in 11 px Verdana, roughly, with a margin: the text is stretched to it. */
const widthOf = (text: string) => Math.round([...text].length * 6.6) + 12
