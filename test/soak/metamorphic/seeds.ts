/** Which seeds are meant: `7`, or `1-20`. Pure. */

/** @throws Error that says what is expected. */
export function readSeeds(text: string): number[] {
  const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? []
  if (first === undefined || Number(last) < Number(first))
    throw new Error(`"${text}" names no seeds: expected a number, or two as in 1-20`)
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index)
}
