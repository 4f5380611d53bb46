/** The shortest beginning of a schedule that still fails, by halves: each is tried by itself, as long as there is time. */

export interface Bisected {
  /** So many steps fail. */
  readonly steps: number
  /** So many, one fewer at most, did not; undefined: not tried. */
  readonly good: number | undefined
  readonly tries: number
}

/**
 * Of `steps` that have failed. What depends on the machine too may not fail again: then the longer one stands. `tries` and
 * `isTime` bound how long it looks.
 */
export async function findShortest(
  steps: number,
  fails: (steps: number) => Promise<boolean>,
  { tries, isTime = () => true }: { readonly tries: number; readonly isTime?: () => boolean },
): Promise<Bisected> {
  let [bad, good, tried] = [steps, -1, 0]
  while (bad - good > 1 && tried < tries && isTime()) {
    const middle = Math.floor((good + bad) / 2)
    tried += 1
    if (await fails(middle)) bad = middle
    else good = middle
  }
  return { steps: bad, good: good < 0 ? undefined : good, tries: tried }
}
