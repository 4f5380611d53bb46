/** What is wrong with a file on a node: what it is, whose, how protected, and what it holds. */
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Layout, nodeTmp } from './layout.ts'

/** A file as it should be in a node's `/tmp`. */
export interface NodeFile {
  readonly name: string
  readonly uid: number
  /** Absent: any. */
  readonly mode?: number
  /** What is wrong with its content. */
  readonly judge: (text: string) => string[]
}

/** The problems of one file, as sentences that begin with its path on the node. */
export async function checkNodeFile(layout: Layout, node: string, file: NodeFile): Promise<string[]> {
  const path = join(nodeTmp(layout, node), file.name)
  const problems = await examine(path, file)
  return problems.map((problem) => `/tmp/${file.name} ${problem}`)
}

async function examine(path: string, file: NodeFile): Promise<string[]> {
  const stat = await lstat(path).catch(() => undefined)
  if (!stat) return ['is not there']
  // A link is not followed: what it points to is no business of ours.
  if (!stat.isFile()) return ['is no regular file']
  const mode = stat.mode & 0o7777
  return [
    ...(stat.uid === file.uid ? [] : [`belongs to uid ${stat.uid}`]),
    ...(file.mode === undefined || mode === file.mode
      ? []
      : [`has mode ${mode.toString(8).padStart(4, '0')}`]),
    ...(stat.nlink === 1 ? [] : [`has ${stat.nlink} links`]),
    ...file.judge(await readFile(path, 'utf8')),
  ]
}

/** Names in a node's `/tmp` other than the expected ones: temporary files that were left, mostly. */
export async function findStrays(
  layout: Layout,
  node: string,
  expected: readonly string[],
): Promise<string[]> {
  const names = await readdir(nodeTmp(layout, node))
  return names.filter((name) => !expected.includes(name)).sort()
}
