/**
 * What programs and the bus say, made fit for people: a short line without control characters or tokens; and, whatever
 * else is shown, nothing in it that a terminal would obey.
 */

/** Of what a program said (characters). */
const longestLine = 200
/** Looked at of a text: the patterns below take more than linear time over rubbish. */
const lookedAt = 4_096

/** Anything that looks like a vault token, a bearer token or a webhook path. */
const secrets =
  /(hv[sb]\.[\w-]+|\bs\.[A-Za-z0-9]{20,}|eyJ[\w-]{4,}(\.[\w-]*){0,2}|X-Vault-Token:\s*\S+)|hooks\.slack\.com\/\S+/g

/** The same text without them. */
export const withoutSecrets = (text: string): string => text.replace(secrets, '[secret]')

/** ANSI escapes. One that would end in the first letter of a secret is none: what is left of that would pass for none either. */
const escapes =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go
  /\u001b(\[[0-9;?]*[ -/]*(?!hv[sb]\.|s\.|eyJ|X-V|hooks)[@-~]|\][^\u0007\u001b]{0,100}(\u0007|\u001b\\))/g

/** One line of at most `longest` characters with secrets, ANSI escapes and control characters taken out. */
export function cleanLine(text: string, longest = longestLine): string {
  const line = text
    .slice(0, lookedAt)
    .replace(escapes, '')
    .replace(/[\t-\r\u0085\u2028\u2029]+/g, ' ')
    // Without a space, or a token with one of them in it would be two words, and only the first of them a secret.
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]+/gu, '')
    .replace(secrets, '[secret]')
    .trim()
  return line.length > longest ? `${line.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…` : line
}

/** The last line that says something: programs end with their reason. */
export function lastLine(text: string): string {
  return cleanLine(text.split('\n').findLast((line) => line.trim() !== '') ?? '')
}

/** Of a text on the bus: a reason with what a program said, and what to do (characters). */
const longestText = 1_000

/** The same value with each text in it, keys too, as a clean line. */
export function cleanTexts<T>(value: T): T {
  if (typeof value === 'string') return cleanLine(value, longestText) as T
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(cleanTexts) as T
  const entries = Object.entries(value).map(([key, inner]) => [cleanLine(key), cleanTexts(inner)])
  return Object.fromEntries(entries) as T
}

/** Characters that a terminal obeys, or that change how others are read: controls, marks of direction, half characters. */
const obeyed = '[\\p{Cc}\\p{Cf}\\p{Cs}]'

/**
 * Makes a function that shows these as `\uXXXX`, as JSON has them: what is JSON means the same afterwards. Sequences that
 * match `kept` stay.
 */
export function controlsShownBut(kept: RegExp): (text: string) => string {
  const either = new RegExp(`(${kept.source})|${obeyed}`, 'gu')
  return (text) => text.replace(either, (found, stays?: string) => stays ?? escapeUnits(found))
}

const escapeUnits = (text: string) =>
  text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
