/** What will be otherwise after the move, where that concerns this site. */

export interface Change {
  /** `file`, `file:line` or `file:line:column` of what it hangs on. */
  readonly place: string
  /** What it was, and what it is with the daemons. */
  readonly says: string
  /** What to do, where something is to be done. */
  readonly next?: string
}

export const change = (place: string, says: string, next?: string): Change => ({
  place,
  says,
  ...(next === undefined ? {} : { next }),
})
