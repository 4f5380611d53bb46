/** What rsync says of single files (3.1 to 3.5), as the results that both transports are judged by. Pure. */
import { lastLine } from '../../../shared/contracts/one-sentence.ts'
import type { PlacedFile } from './push.ts'

/** A file as the node has it. */
export interface Seen {
  /** Compared with what was staged: rsync's word of eleven letters. */
  readonly change: string
  readonly uid: number
  /** `r--------` */
  readonly permissions: string
}

/** The listing of a look, by name: lines of `%i %U %B %n`, each part bounded, as the node may say anything. */
export function readListing(stdout: string): Map<string, Seen> {
  const lines = stdout.matchAll(/^([.<>ch*][fdLDS][.+?a-zA-Z ]{9}) (\d{1,10}) ([rwxsStT-]{9}) (.{1,4096})$/gm)
  return new Map(
    [...lines].map(([, change = '', uid, permissions = '', name = '']) => [
      name,
      { change, uid: Number(uid), permissions },
    ]),
  )
}

/**
 * The result of all files of a directory in which others may rename what they do not own: everybody who can write to it,
 * unless it is sticky, and its owner. Undefined where nobody may, and where it is not there yet: rsync says what it thinks of
 * that.
 */
export function refusalOf(directory: Seen | undefined, uid: number): string | undefined {
  if (!directory) return undefined
  const { uid: owner, permissions } = directory
  const isSticky = /[tT]$/.test(permissions)
  const isWritable = permissions[4] === 'w' || permissions[7] === 'w'
  if ((owner === 0 || owner === uid) && (isSticky || !isWritable)) return undefined
  return `unsafe its owner is ${owner} and its mode ${permissions}`
}

/** Lines of rsync's own: the rest is ssh's, such as a banner. */
const complaintsIn = (stderr: string) =>
  stderr.split('\n').filter((line) => line.startsWith('rsync: ') || line.startsWith('could not make way'))

/** Whether rsync complained of anything. */
export const hasComplaint = (stderr: string): boolean => complaintsIn(stderr).length > 0

/** What rsync complained of `path` while it copied; undefined when it did not. */
export function readComplaint(stderr: string, path: string): string | undefined {
  const directory = path.slice(0, path.lastIndexOf('/'))
  const name = path.slice(directory.length + 1)
  const ours = complaintsIn(stderr)
  // Its temporary file has the name in it; a full disk and a missing directory are everybody's complaint.
  const of = ours.find(
    (line) => line.includes(`${name}"`) || line.includes(`.${name}.`) || line.endsWith(name),
  )
  return of ?? ours.find((line) => /No space left|quota exceeded|No such file| mkdir "/i.test(line))
}

/** The result of one file, from what lies there and what was complained of. */
export function resultOf(
  file: PlacedFile,
  uid: number,
  seen: Seen | undefined,
  complaint: string | undefined,
): string {
  if (complaint) return reasonOf(complaint)
  if (!seen) return 'squatted found no file'
  // A content that differs is marked by a letter in the third place; where nothing differs at all, dots are blanks.
  const isSame = /^\.f[. ]/.test(seen.change)
  const isPrivate = file.mode !== '400' || /^r[w-]-------$/.test(seen.permissions)
  if (isSame && isPrivate && seen.uid === uid) return 'ok'
  return `squatted found ${isSame ? '' : 'other content '}${seen.uid} ${seen.permissions}`
}

/**
 * The same where rsync ended before it had written everything: what is in place is in place, and of the rest nothing is
 * known but what was complained of.
 */
export function resultOfBroken(...[file, uid, seen, complaint]: Parameters<typeof resultOf>): string {
  if (resultOf(file, uid, seen, undefined) === 'ok') return 'ok'
  return resultOf(file, uid, seen, complaint ?? 'rsync could not write there, and did not say why')
}

function reasonOf(complaint: string): string {
  if (/ (mkstemp|change_dir\S*) "[^"]*".{0,200}Permission denied|Read-only file system/.test(complaint))
    return `unwritable ${lastLine(complaint)}`
  if (/ (mkdir|change_dir\S*) "/.test(complaint)) return 'no-directory'
  if (/No space left|quota exceeded/i.test(complaint)) return 'disk-full'
  if (/Operation not permitted|Permission denied|Is a directory|make way/.test(complaint))
    return `squatted ${lastLine(complaint)}`
  if (/No such file/.test(complaint)) return 'no-directory'
  return `other ${lastLine(complaint)}`
}
