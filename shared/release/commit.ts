/** The commit that a directory holds: as its packager wrote it down, else as git has it, without starting git. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The whole hash; undefined where neither says it. */
export function findCommit(root: string): string | undefined {
  return hashIn(read(join(root, 'COMMIT'))) ?? checkedOut(gitDirectory(root))
}

/** A worktree of git has a file in the place of the directory, which says where that is. */
const gitDirectory = (root: string) => {
  const [, elsewhere = '.git'] = /^gitdir: (.+)$/m.exec(read(join(root, '.git')) ?? '') ?? []
  return resolve(root, elsewhere)
}

function checkedOut(directory: string): string | undefined {
  const head = read(join(directory, 'HEAD'))
  const [, branch] = /^ref: (refs\/\S+)$/m.exec(head ?? '') ?? []
  if (branch === undefined) return hashIn(head)
  const common = resolve(directory, read(join(directory, 'commondir'))?.trim() ?? '.')
  return hashIn(read(join(common, branch))) ?? packed(common, branch)
}

/** Git packs branches that lie still into one file, a line each. */
const packed = (directory: string, branch: string) =>
  hashIn(
    read(join(directory, 'packed-refs'))
      ?.split('\n')
      .find((line) => line.endsWith(` ${branch}`))
      ?.split(' ')[0],
  )

const hashIn = (text: string | undefined) => /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.exec(text?.trim() ?? '')?.[0]

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
