/** A line of the product that keeps a promise of docs/faults.md, and the test that goes red without it. */
export interface Protection {
  /** The section of docs/faults.md, by its number. */
  readonly row: number
  /** The file that the protection stands in, from the project's root. */
  readonly file: string
  /** Its text, which stands in the file exactly once. */
  readonly line: string
  /** What stands in its place when it is taken out. */
  readonly without: string
  /** The test file that goes red then, from the project's root. */
  readonly test: string
  /** The name of the test in it, or a part that no other has. */
  readonly name: string
}
