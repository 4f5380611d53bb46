/** The account files and home directories of a node: root, sshd and the site's accounts, nobody else. */
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { principalOf } from './entry.ts'

export interface Account {
  readonly name: string
  readonly uid: number
}

/** Any id that is no account's: only sshd inside the namespace uses it. */
const sshdUid = 74

/** Writes `passwd`, `group`, `shadow` and `nsswitch.conf` into `etc`, to be mounted over the real ones. */
export function writeAccountFiles(etc: string, accounts: readonly Account[]): void {
  mkdirSync(etc, { recursive: true })
  const write = (name: string, lines: readonly string[], mode = 0o644) =>
    writeFileSync(join(etc, name), `${lines.join('\n')}\n`, { mode })
  write('passwd', [
    'root:x:0:0:root:/root:/bin/bash',
    `sshd:x:${sshdUid}:${sshdUid}::/run/sshd:/usr/sbin/nologin`,
    ...accounts.map(({ name, uid }) => `${name}:x:${uid}:${uid}::/home/${name}:/bin/bash`),
  ])
  write('group', ['root:x:0:', `sshd:x:${sshdUid}:`, ...accounts.map(({ name, uid }) => `${name}:x:${uid}:`)])
  // `*` is no valid password; a locked account (`!`) would be refused by sshd even with a ticket.
  write(
    'shadow',
    ['root', 'sshd', ...accounts.map(({ name }) => name)].map((name) => `${name}:*:19000::::::`),
    0o600,
  )
  write('nsswitch.conf', ['passwd: files', 'group: files', 'shadow: files', 'hosts: files'])
}

/** Makes each account's home, which lets in its own robot principal (`.k5login`), or whoever has the key and nobody else. */
export function writeHomes(home: string, accounts: readonly Account[], publicKey?: string): void {
  mkdirSync(home, { recursive: true, mode: 0o755 })
  for (const { name, uid } of accounts) {
    const directory = join(home, name)
    mkdirSync(directory, { mode: 0o700 })
    if (publicKey !== undefined) mkdirSync(join(directory, '.ssh'), { mode: 0o700 })
    const file = join(directory, publicKey === undefined ? '.k5login' : '.ssh/authorized_keys')
    writeFileSync(file, publicKey ?? `${principalOf(name)}\n`, { mode: 0o600 })
    for (const path of [file, dirname(file), directory]) chownSync(path, uid, uid)
  }
}
