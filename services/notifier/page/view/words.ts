/** Times and counts in words. Pure. */

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** `6 days`, `1 hour`, `12 minutes`: as coarse as people speak, never more than there is. From two of a unit on in that unit. */
export function inWords(ms: number): string {
  const [unit, size] = units.find(([, one]) => ms >= 2 * one) ?? ['minute', 60_000]
  const count = Math.floor(ms / size)
  if (count < 1) return 'less than a minute'
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** `12 minutes ago`. */
export const ago = (at: string, now: number): string => {
  const ms = now - Date.parse(at)
  return ms < 60_000 ? 'just now' : `${inWords(ms)} ago`
}

/** `6 days left`, or `ended 2 hours ago`. */
export const left = (end: string, now: number): string => {
  const ms = Date.parse(end) - now
  return ms > 0 ? `${inWords(ms)} left` : `ended ${ago(end, now)}`
}

/** `2026-11-30 14:03:22 UTC`. */
export const exact = (at: string | number): string =>
  `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** `1 service`, `3 services`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
