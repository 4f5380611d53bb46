/** What every benchmark is: a name's file that measures, with the thresholds its figures are held against. */

export type Figures = Readonly<Record<string, number>>

/** A bound of one figure; the figure itself still passes. */
export type Threshold = { readonly atMost: number } | { readonly atLeast: number }

/** `bench/<name>.ts` exports one as `benchmark`. */
export interface Benchmark {
  /** One sentence: what is measured, under which load. */
  readonly about: string
  readonly thresholds: Readonly<Record<string, Threshold>>
  /** Starts what it needs in the empty directory `dir`, stops it again, and returns the figures. `say` is for progress. */
  run(dir: string, say: (line: string) => void): Promise<Figures>
}

/** A sentence for each figure that misses its threshold, or is missing itself. Pure. */
export function findMisses(figures: Figures, thresholds: Benchmark['thresholds']): string[] {
  return Object.entries(thresholds).flatMap(([name, threshold]) => {
    const figure = figures[name]
    if (figure === undefined || !Number.isFinite(figure)) return [`${name} was not measured`]
    const isMet = 'atMost' in threshold ? figure <= threshold.atMost : figure >= threshold.atLeast
    return isMet ? [] : [`${name} is ${figure}, expected ${describeThreshold(threshold)}`]
  })
}

export const describeThreshold = (threshold: Threshold): string =>
  'atMost' in threshold ? `≤ ${threshold.atMost}` : `≥ ${threshold.atLeast}`

/** The value below which this share of the values lies, nearest rank. Pure. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Rounded for people and JSON: three decimals say enough. */
export const round = (value: number): number => Math.round(value * 1_000) / 1_000
