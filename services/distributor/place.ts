/** The conversation with the script that runs on a node (place.sh): what it is sent, and what its answers mean. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Entry } from '../../shared/config/site.ts'
import { failure, Permanent, Transient } from '../../shared/errors.ts'
import { lastLine } from '../../shared/outcome-text.ts'
import type { PlacedFile, Push } from './transport.ts'

const script = readFileSync(new URL('./place.sh', import.meta.url), 'utf8')
const endOfScript = '#--'

/** What the login shell runs, whichever it is: reads the script from stdin byte by byte, leaving the data behind it. */
export const remoteCommand = `exec /bin/sh -c 'eval "$(while IFS= read -r l; do [ "$l" = "${endOfScript}" ] && break; printf "%s\\n" "$l"; done)"'`

/** The script, its end mark, and the data it reads; with a random word each time. */
export function placeInput(uid: number, files: readonly PlacedFile[]): string {
  const nonce = randomBytes(16).toString('hex')
  const data = files.flatMap(({ path, mode, content }) => [path, mode, content])
  return [script.trimEnd(), endOfScript, String(uid), String(files.length), nonce, ...data, ''].join('\n')
}

/** The result of each file, by its number from 1; number 0 is the refusal of all. Other lines (a message of the day) are passed over. */
export function parseResults(stdout: string): Map<number, string> {
  return new Map(
    [...stdout.matchAll(/^managed-tokens: (\d+) (.*)$/gm)].map(([, number, result]) => [
      Number(number),
      result ?? '',
    ]),
  )
}

/**
 * Throws for the first file that is not optional and not in place; returns a warning about one that is. A result is `ok`,
 * `disk-full`, `squatted …`, `no-directory` or `other …`.
 */
export function judgeFiles(
  { entry, node, files }: Omit<Push, 'uid'>,
  results: ReadonlyMap<number, string>,
): string | undefined {
  let warning: string | undefined
  for (const [index, file] of files.entries()) {
    const result = results.get(index + 1) ?? 'missing'
    if (result === 'ok') continue
    if (!file.optional) throw fileError(entry, node, file, result)
    warning = `${file.path} could not be written on ${node} (${result.split(' ')[0]}).`
  }
  return warning
}

function fileError(entry: Entry, node: string, { path }: PlacedFile, result: string): Error {
  const where = `${path} on ${node} (${entry.account})`
  if (result === 'disk-full')
    return new Transient(failure('disk-full', `No space for ${where}; the old token stays.`))
  if (result.startsWith('squatted'))
    return new Permanent(
      failure(
        'destination-squatted',
        `Somebody else holds ${where}: ${lastLine(result.replace(/^squatted /, ''))}.`,
      ),
    )
  if (result === 'no-directory')
    return new Permanent(failure('destination-missing', `The directory of ${where} does not exist.`))
  return new Transient(failure('push-failed', `${where} could not be written: ${lastLine(result)}.`))
}

/** The account is somebody else on that node. */
export const wrongOwner = ({ entry, node, uid }: Push, actual: string): Permanent =>
  new Permanent(
    failure('wrong-owner', `${entry.account} has UID ${actual} on ${node}, not ${uid}: nothing was written.`),
  )
