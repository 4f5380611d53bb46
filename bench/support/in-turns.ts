/** Measures two ways in pairs, each time the other one first, so that a machine that gets slower favours neither. */

export interface MeasuredPair<T> {
  readonly base: T
  readonly other: T
}

/** `tell` hears of each pair as soon as it is measured. */
export async function inTurns<T>(
  pairs: number,
  measureBase: () => Promise<T>,
  measureOther: () => Promise<T>,
  tell: (pair: MeasuredPair<T>) => void,
): Promise<MeasuredPair<T>[]> {
  const measured: MeasuredPair<T>[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const early = pair % 2 === 0 ? await measureBase() : undefined
    const other = await measureOther()
    const both = { base: early ?? (await measureBase()), other }
    measured.push(both)
    tell(both)
  }
  return measured
}
