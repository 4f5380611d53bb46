/** Users and groups of a machine, wherever it has them from. */
import type { Machine, Seen } from './machine.ts'

export interface Account {
  readonly uid: number
  readonly home: string
}

/** Undefined where there is no such user. */
export function findUser(machine: Machine, name: string): Account | undefined {
  const [, , uid = '', , , home = ''] = line(machine, 'passwd', name)
  return uid ? { uid: Number(uid), home } : undefined
}

/** The group's number; undefined where there is no such group. */
export function findGroup(machine: Machine, name: string): number | undefined {
  const [, , gid = ''] = line(machine, 'group', name)
  return gid ? Number(gid) : undefined
}

const line = (machine: Machine, database: string, name: string) =>
  (machine.ask('getent', database, name) ?? '').trim().split(':')

export const groupsOf = (machine: Machine, user: string): readonly string[] =>
  (machine.ask('id', '-Gn', user) ?? '').trim().split(/\s+/)

export interface Wanted {
  readonly owner: string
  readonly group?: string
  readonly mode: number
}

/** Commands that give `path` the owner, group and mode that it lacks. None for a link: whose file that is, nobody knows. */
export function access(machine: Machine, path: string, found: Seen, wanted: Wanted): string[] {
  const { owner, group, mode } = wanted
  if (found.path !== path) return []
  const wrongOwner = findUser(machine, owner)?.uid !== found.uid
  const wrongGroup = group !== undefined && findGroup(machine, group) !== found.gid
  return [
    ...(wrongOwner || wrongGroup ? [`chown -h ${owner}${group ? `:${group}` : ''} ${path}`] : []),
    // After the owner: chown takes bits away.
    ...(found.mode === mode ? [] : [`chmod ${mode.toString(8).padStart(4, '0')} ${path}`]),
  ]
}
