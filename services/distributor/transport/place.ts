/** The conversation with the script that runs on a node (place.sh): what it is sent, and what its answers mean. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Entry } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { refuseUnlessWords } from '../token/files.ts'
import { groupByDirectory } from './by-directory.ts'
import type { PlacedFile, Push, PushTarget } from './push.ts'

/** Without what is for people: the shell there reads it byte by byte. */
export const scriptOf = (text: string) => text.replace(/^ *#.*\n/gm, '').replace(/^ +/gm, '')
const script = scriptOf(readFileSync(new URL('./place.sh', import.meta.url), 'utf8'))
const endOfScript = '#--'

/** What `sh -c` runs: reads the script from stdin byte by byte, leaving the data behind it. */
export const readsScript = `eval "$(while IFS= read -r l; do [ "$l" = "${endOfScript}" ] && break; printf "%s\\n" "$l"; done)"`

/**
 * What the login shell runs, whichever it is. Whatever holds it up there, such as a connection that stands still, ends by
 * itself when the push's time is over.
 */
export const remoteCommand = (timeoutMs: number): string =>
  `exec timeout -k 5 ${Math.ceil(timeoutMs / 1_000)} /bin/sh -c '${readsScript}'`

/**
 * The script, its end mark, and the data it reads, with new random words each time. Those in the names of private directories
 * are seen by everybody on the node, the one that marks the lines by nobody. Throws Permanent `content-refused`.
 */
export function placeInput(uid: number | typeof unknownUid, files: readonly PlacedFile[]): string {
  refuseUnlessWords(files)
  const directories = groupByDirectory(files)
  const data = [
    ...[uid, directories.length],
    ...directories.flatMap((directory) => [
      ...[directory.path, randomWord(), directory.files.length],
      ...directory.files.flatMap(({ number, name, file }) => [
        ...[number, file.mode, file.newline === false ? 'bare' : 'line', name, file.content],
      ]),
    ]),
  ]
  return scriptInput(script, data)
}

/** A script, its end mark, and its data behind a new random word, which nobody on the node sees. */
export function scriptInput(text: string, data: readonly (string | number)[]): string {
  const mark = randomWord()
  return [text.trimEnd(), endOfScript, mark, ...data.map((line) => `${mark} ${line}`), ''].join('\n')
}

/** In the place of a UID: nothing is placed, and the script says whose it runs as. */
export const unknownUid = '?'

const randomWord = () => randomBytes(16).toString('hex')

/**
 * The result of each file, by its number from 1; number 0 is the refusal of all. Other lines (a message of the day) are passed
 * over. Whoever owns the node may say anything here: a result is one clean, short line.
 */
export function parseResults(stdout: string): Map<number, string> {
  return new Map(
    [...stdout.matchAll(/^managed-tokens: (\d{1,4}) (.*)$/gm)].map(([, number, result]) => [
      Number(number),
      heard(result),
    ]),
  )
}

/** What means that all is well counts where it stands there in these very letters. */
function heard(result = ''): string {
  const line = cleanLine(result)
  return line !== result && /^(ok|absent|removed|file)\b/.test(line) ? `other ${line}` : line
}

/** Whom the script ran as, where it was not the one that was expected. */
export const ownerIn = (results: ReadonlyMap<number, string>): string | undefined =>
  results.get(0)?.split(' ')[1]

/** The same of a push. Throws Permanent `wrong-owner` where the script ran as somebody else. */
export function resultsOf(push: Push, stdout: string): Map<number, string> {
  const results = parseResults(stdout)
  const owner = ownerIn(results)
  if (owner !== undefined && owner !== String(push.uid)) throw wrongOwner(push, owner)
  return results
}

/**
 * Throws for the first file that is not optional and not in place; returns a warning about one that is. A result is `ok`,
 * `disk-full`, `squatted …`, `unsafe …`, `unwritable …`, `no-directory` or `other …`.
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
  if (result === 'disk-full') return failedWith('disk-full', `No space for ${where}; the old token stays.`)
  if (result.startsWith('squatted'))
    return failedWith(
      'destination-squatted',
      `Somebody else holds ${where}: ${result.replace(/^squatted /, '')}.`,
    )
  if (result.startsWith('unsafe'))
    return failedWith(
      'destination-unsafe',
      `Others may rename what lies in the directory of ${where}: ${result.replace(/^unsafe /, '')}.`,
    )
  if (result.startsWith('unwritable'))
    return failedWith(
      'destination-unwritable',
      `${entry.account} cannot write in the directory of ${where}: ${result.replace(/^unwritable /, '')}.`,
    )
  if (result === 'no-directory')
    return failedWith('destination-missing', `The directory of ${where} does not exist.`)
  return failedWith('push-failed', `${where} could not be written: ${result}.`)
}

/** The account is somebody else on that node. */
export const wrongOwner = ({ entry, node, uid }: Push, actual: string): Error =>
  failedWith('wrong-owner', `${entry.account} has UID ${actual} on ${node}, not ${uid}: nothing was written.`)

/** A UID that was asked for. Tokens are never root's: throws Permanent `wrong-owner`. */
export function noRoot({ entry, node }: PushTarget, uid: number): number {
  if (uid > 0) return uid
  throw failedWith('wrong-owner', `${entry.account} is root on ${node}: nothing was written.`)
}
