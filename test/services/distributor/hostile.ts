/** What a hostile local user of a node may have put in the way of a push. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { attacker, victim } from './transport/place-here.ts'

/** The token. */
export const content = 'hvs.not-for-the-attacker'

/** What somebody may have put at a path beforehand, by what it is. `bait` is a file of theirs, open to all. */
export const plants: Record<string, (path: string, bait: string) => void> = {
  'a directory': (path) => {
    mkdirSync(path)
    chmodSync(path, 0o777)
    chownSync(path, attacker, attacker)
  },
  'a symbolic link to a file of theirs': (path, bait) => {
    symlinkSync(bait, path)
    lchownSync(path, attacker, attacker)
  },
  'a symbolic link to nowhere': (path) => {
    symlinkSync('/nowhere/at/all', path)
    lchownSync(path, attacker, attacker)
  },
  'a hard link to a file of theirs': (path, bait) => linkSync(bait, path),
  'a named pipe': (path) => {
    spawnSync('mkfifo', ['-m', '777', path])
    chownSync(path, attacker, attacker)
  },
  'a file that everybody may write': (path) => {
    writeFileSync(path, 'theirs\n')
    chmodSync(path, 0o777)
    chownSync(path, attacker, attacker)
  },
}

/** The token is in nothing that is not the victim's alone. */
export function assertUndisclosed(directory: string): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name)
    const found = lstatSync(path)
    if (!found.isFile() || (found.uid === victim && (found.mode & 0o077) === 0)) continue
    assert.ok(!readFileSync(path, 'utf8').includes(content), `${name} holds the token`)
  }
}

/** A file of theirs, open to all: nothing may be written into it. */
export function baited(directory: string): string {
  const bait = join(directory, 'bait')
  writeFileSync(bait, 'theirs\n')
  chmodSync(bait, 0o777)
  chownSync(bait, attacker, attacker)
  return bait
}
