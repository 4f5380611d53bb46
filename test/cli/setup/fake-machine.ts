/** A machine that is nothing but a table: files with owner and mode, users, and what programs print. */
import type { Machine, Seen } from '../../../cli/setup/machine.ts'

export interface FakeFile {
  readonly text?: string
  readonly uid?: number
  readonly gid?: number
  readonly mode?: number
  readonly changedMs?: number
}

export interface FakeMachine {
  readonly files?: Readonly<Record<string, FakeFile>>
  /** With their numbers. */
  readonly users?: Readonly<Record<string, number>>
  readonly groups?: Readonly<Record<string, number>>
  readonly members?: Readonly<Record<string, string>>
  /** By the whole command line. */
  readonly answers?: Readonly<Record<string, string>>
  readonly hostname?: string
}

export function fakeMachine({
  files = {},
  users = {},
  groups = {},
  members = {},
  answers = {},
  hostname = 'tokens.lab.example',
}: FakeMachine): Machine {
  const isDirectory = (path: string) => files[path]?.text === undefined
  const asked: Record<string, string> = {
    ...Object.fromEntries(
      Object.entries(users).map(([name, id]) => [
        `getent passwd ${name}`,
        `${name}:x:${id}:1::/home/${name}:/bin/sh\n`,
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(groups).map(([name, id]) => [`getent group ${name}`, `${name}:x:${id}:\n`]),
    ),
    ...Object.fromEntries(Object.entries(members).map(([name, list]) => [`id -Gn ${name}`, `${list}\n`])),
    ...answers,
  }
  return {
    hostname,
    stat(path): Seen | undefined {
      const found = files[path]
      if (!found) return undefined
      const { uid = 0, gid = 0, changedMs = 0 } = found
      const kind = isDirectory(path) ? 'directory' : 'file'
      return { kind, uid, gid, mode: found.mode ?? (kind === 'file' ? 0o600 : 0o700), changedMs, path }
    },
    read: (path) => files[path]?.text,
    list: (directory) =>
      Object.keys(files)
        .filter((path) => path.startsWith(`${directory}/`) && !path.slice(directory.length + 1).includes('/'))
        .map((path) => path.slice(directory.length + 1))
        .sort(),
    ask: (...words) =>
      asked[words.join(' ')] ?? (words[0] === 'getent' || words[0] === 'id' ? '' : undefined),
  }
}
