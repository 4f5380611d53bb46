/** The directories of configuration, state and logs: for their owners and groups, and nothing in them for others. */
import { join } from 'node:path'
import type { Machine } from '../machine.ts'
import { bus, credentials, defaultKeytabs, keytabsGroup, logs, settings, state } from '../places.ts'
import { quote, type Step, todo } from '../step.ts'
import type { Wish } from '../wish.ts'

export function directorySteps({ user, isBusHere }: Wish): Step[] {
  return [
    {
      about: 'directories',
      look: (machine) =>
        todo(
          [
            ...shared(machine, settings, 'o=x'),
            ...shared(machine, state, 'g-w,o=x'),
            ...shared(machine, logs, 'g-w,o=x'),
            ...made(machine, credentials, 'install -d -m 0700'),
            ...(isBusHere ? made(machine, bus.directory, 'install -d -m 0755') : []),
            ...(isBusHere ? made(machine, bus.tls, 'install -d -m 0755') : []),
          ],
          `${settings}, ${state} and ${logs}, with nothing in them for others`,
        ),
    },
    {
      about: 'keytabs',
      look: (machine) =>
        todo(
          made(machine, defaultKeytabs, `install -d -o ${user} -g ${keytabsGroup} -m 0750`),
          `${defaultKeytabs}, for the group ${keytabsGroup}`,
        ),
    },
  ]
}

const made = (machine: Machine, directory: string, command: string) =>
  machine.stat(directory) ? [] : [`${command} ${directory}`]

/** A directory that others may pass through, which somebody else may have made and filled. */
function shared(machine: Machine, directory: string, rights: string): string[] {
  const found = machine.stat(directory)
  if (!found) return [`install -d -m 0751 ${directory}`]
  const wrong = found.mode & (rights.startsWith('g-w') ? 0o026 : 0o006)
  const open = machine
    .list(directory)
    .map((name) => join(directory, name))
    // Through a link it is another place’s file.
    .filter((path) => {
      const inside = machine.stat(path)
      return inside?.path === path && (inside.mode & 0o007) !== 0
    })
  return [
    // First: what comes into it meanwhile is seen by nobody.
    ...(wrong ? [`chmod ${rights} ${directory}`] : []),
    ...open.map((path) => `chmod o= ${quote(path)}`),
  ]
}
