/** Makes a short, clean line for people out of what a program printed: no control characters, no tokens, bounded. */

/** Of what a program said (characters). */
const longestLine = 200
/** Looked at of a text: the patterns below take more than linear time over rubbish. */
const lookedAt = 4_096

/** Anything that looks like a vault token, a bearer token or a webhook path. */
const secrets =
  /(hv[sb]\.[\w-]+|\bs\.[A-Za-z0-9]{20,}|eyJ[\w-]{4,}(\.[\w-]*){0,2}|X-Vault-Token:\s*\S+)|hooks\.slack\.com\/\S+/g

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
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, '')
    .replace(secrets, '[secret]')
    .trim()
  return line.length > longest ? `${line.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…` : line
}

/** The last line that says something: programs end with their reason. */
export function lastLine(text: string): string {
  return cleanLine(text.split('\n').findLast((line) => line.trim() !== '') ?? '')
}
