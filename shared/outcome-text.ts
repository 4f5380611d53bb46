/** Makes a short, clean line for people out of what a program printed: no control characters, no tokens, bounded. */

const longest = 200

/** Anything that looks like a vault token, a bearer token or a webhook path. */
const secrets =
  /\b(hv[sb]\.[\w-]+|s\.[A-Za-z0-9]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]*|X-Vault-Token:\s*\S+)|hooks\.slack\.com\/\S+/g

/** One line of at most 200 characters with secrets, ANSI escapes and control characters taken out. */
export function cleanLine(text: string): string {
  const line = text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go
    .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(secrets, '[secret]')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim()
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line
}

/** The last line that says something: programs end with their reason. */
export function lastLine(text: string): string {
  return cleanLine(text.split('\n').findLast((line) => line.trim() !== '') ?? '')
}
