/** Keytabs: those that the configuration names, for the group that may read them. */
import { basename, dirname, join } from 'node:path'
import { access } from '../account.ts'
import { findConfiguration } from '../configuration.ts'
import type { Machine } from '../machine.ts'
import { keytabsGroup } from '../places.ts'
import { kept, type Step, todo, yours } from '../step.ts'
import type { Wish } from '../wish.ts'

export const keytabSteps = ({ user }: Wish): Step[] => [
  {
    about: 'keytabs',
    look(machine) {
      const named = keytabsOf(machine)
      if (named.length === 0) return kept('none is named yet')
      const script = [
        ...directoriesOf(machine, named).flatMap((path) => own(machine, path, user, 0o750)),
        ...filesBeside(machine, named).flatMap((path) => own(machine, path, user, 0o640)),
      ]
      const missing = named.filter((file) => !machine.stat(file))
      if (script.length === 0 && missing.length > 0)
        return yours(
          `${missing.length} of ${named.length} are not there: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ' …' : ''}`,
          'put them there, and run setup again',
        )
      return todo(script, `${named.length}, readable by the group ${keytabsGroup} alone`)
    },
  },
]

function keytabsOf(machine: Machine): string[] {
  const entries = findConfiguration(machine)?.site?.entries ?? []
  return [...new Set(entries.flatMap(({ keytab }) => keytab ?? []))].sort()
}

const isKeytab = (named: readonly string[], directory: string) => (name: string) =>
  name.endsWith('.keytab') || named.includes(join(directory, name))

/** Those that hold keytabs and nothing else: what else lies there is somebody else's business. */
const directoriesOf = (machine: Machine, named: readonly string[]) =>
  [...new Set(named.map((file) => dirname(file)))].filter((directory) => {
    const names = machine.list(directory)
    return names.length > 0 && names.every(isKeytab(named, directory))
  })

/** Those of services to come lie with the others. */
const filesBeside = (machine: Machine, named: readonly string[]) => {
  const full = directoriesOf(machine, named)
  const beside = full.flatMap((directory) => machine.list(directory).map((name) => join(directory, name)))
  return [...new Set([...named, ...beside])].filter((file) => basename(file) !== '')
}

const own = (machine: Machine, path: string, owner: string, mode: number) => {
  const found = machine.stat(path)
  return found ? access(machine, path, found, { owner, group: keytabsGroup, mode }) : []
}
