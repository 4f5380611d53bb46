/** Durations as the configuration writes them (`300s`, `1h30m`, `3d`), in milliseconds from here on. */
import { z } from '../../contracts/zod.ts'

const unitMs = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
} as const
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/y
const longestMs = 366 * unitMs.d

/** Milliseconds of a duration in Go's form, days (`d`) as well; `undefined` when it is none, is negative or longer than a year. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  let sum = 0
  part.lastIndex = 0
  while (part.lastIndex < text.length || text === '') {
    const found = part.exec(text)
    if (!found) return undefined
    sum += Number(found[1]) * unitMs[found[2] as keyof typeof unitMs]
  }
  const ms = Math.round(sum)
  return ms <= longestMs ? ms : undefined
}

/** A duration as short text: `90000` → `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return ms === 0 ? '0s' : `${ms}ms`
  let text = ''
  let rest = ms
  for (const unit of ['d', 'h', 'm'] as const) {
    const whole = Math.floor(rest / unitMs[unit])
    if (whole > 0) text += `${whole}${unit}`
    rest -= whole * unitMs[unit]
  }
  return rest > 0 ? `${text}${rest / unitMs.s}s` : text
}

const expected = 'a duration such as 300s, 1h30m or 3d'

/** A duration as text → milliseconds. */
export const duration = z
  .string()
  .meta({ expected })
  .transform((text, context) => {
    const ms = parseDuration(text.trim().replace(/^\+/, ''))
    if (ms !== undefined) return ms
    context.issues.push({
      code: 'custom',
      input: text,
      message: `${JSON.stringify(text.slice(0, 40))} is not ${expected}`,
    })
    return z.NEVER
  })

/** The same, but not zero: a limit of nothing would end everything at once. */
export const positiveDuration = duration.refine((ms) => ms > 0, 'a duration above zero is needed here')

const longestLifetimeMs = 7 * unitMs.d

/**
 * `minTokenLifetime`: kept as text, since htgettoken's `--vaulttokenminttl` takes exactly one `<n>[smhd]` and dies when it
 * is not below `--vaulttokenttl` (7d by default).
 */
export const tokenLifetime = z
  .string()
  .meta({ expected: 'a lifetime of one number and one of s, m, h, d, below 7d' })
  .regex(/^\d{1,7}[smhd]$/, {
    error: (issue) =>
      `${JSON.stringify(String(issue.input).slice(0, 40))} is not one number and one of s, m, h, d (such as 3d), all that htgettoken takes`,
    abort: true,
  })
  .refine(
    (text) => (parseDuration(text) ?? Infinity) < longestLifetimeMs,
    'has to be below 7d, the life of a new vault token',
  )
