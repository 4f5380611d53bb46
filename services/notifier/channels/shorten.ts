/** Cuts a text where no character is cut in two. Pure. */

/** At most `longest` UTF-16 units, with `…` at the end of what was longer; well-formed whatever came. */
export function shorten(text: string, longest: number): string {
  const whole = text.toWellFormed()
  if (whole.length <= longest) return whole
  return `${whole.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
