/** Wrong use: what was typed cannot be done. Ends in exit code 2 and this sentence alone. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
