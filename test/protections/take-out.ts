/** A copy of the working tree in which one protection is missing, and what a test says there. */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import type { Protection } from './protection.ts'

const root = join(import.meta.dirname, '..', '..')

/** Copies what git knows of the working tree, with its packages as links, to a directory of its own. */
export async function copyTree(to: string): Promise<void> {
  const { stdout } = await execa('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  })
  for (const file of stdout.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(to, file)), { recursive: true })
    cpSync(join(root, file), join(to, file))
  }
  // With its history: one test unpacks an earlier release.
  for (const installed of ['node_modules', '.node', '.interop', '.git'])
    symlinkSync(join(root, installed), join(to, installed))
}

/** Runs `action` in a copied tree that lacks the protection, and puts it back. */
export async function takenOut<T>(
  tree: string,
  { file, line, without }: Protection,
  action: () => Promise<T>,
): Promise<T> {
  const path = join(tree, file)
  const whole = readFileSync(path, 'utf8')
  if (whole.split(line).length !== 2) throw new Error(`${file} has not exactly one: ${line}`)
  writeFileSync(
    path,
    whole.replace(line, () => without),
  )
  try {
    return await action()
  } finally {
    writeFileSync(path, whole)
  }
}

/** What one run of a test has come to: `none` where no test has this name. */
export type Verdict = 'green' | 'red' | 'none'

/** Runs the one test in the tree. A file that cannot be loaded counts as `none`: that shows nothing. */
export async function runTest(tree: string, { test, name }: Protection): Promise<Verdict> {
  const pattern = name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  const { stdout } = await execa(
    join(tree, 'bin/in-memory'),
    [
      join(tree, 'bin/with-node'),
      ...['--programs', '--test', '--test-reporter=tap', '--test-timeout=600000'],
      ...[`--test-name-pattern=${pattern}`, test],
    ],
    { cwd: tree, reject: false, env: { NODE_TEST_CONTEXT: undefined } },
  )
  const results = stdout
    .split('\n')
    .filter((line) => /^\s*(not )?ok \d+ - /.test(line) && line.includes(name))
  if (results.length === 0) return 'none'
  return results.some((line) => line.trim().startsWith('not ok')) ? 'red' : 'green'
}

/** Removes the copy. */
export const removeTree = (tree: string): void => rmSync(tree, { recursive: true, force: true })
