/** Groups and users: each daemon its own, and one for the people who work with them. */
import { daemons } from '../../../shared/contracts/subjects.ts'
import { findGroup, findUser, groupsOf } from '../account.ts'
import { defaultUser, group, keytabsGroup, state } from '../places.ts'
import { kept, problem, type Step, todo } from '../step.ts'
import type { Wish } from '../wish.ts'

export const userOf = (daemon: string) => `${defaultUser}-${daemon}`

export function userSteps(wish: Wish): Step[] {
  return [groups, people(wish), members(wish)]
}

const groups: Step = {
  about: 'groups',
  look: (machine) =>
    todo(
      [group, keytabsGroup].filter((name) => findGroup(machine, name) === undefined).map(addGroup),
      `the groups ${group} and ${keytabsGroup}`,
    ),
}

// Another run, or a package, may have made it meanwhile.
const addGroup = (name: string) => `groupadd -f --system ${name}`

const people = ({ user }: Wish): Step => ({
  about: 'users',
  look(machine) {
    if (user !== defaultUser && !findUser(machine, user))
      return problem(
        `there is no user ${user}`,
        `make it, or leave --user out to have ${defaultUser} in its place`,
      )
    const own = [...(user === defaultUser ? [[user, state] as const] : []), ...daemons.map(homeOf)]
    const missing = own.filter(([name]) => !findUser(machine, name))
    return todo(
      missing.map(([name, home]) => addUser(name, home)),
      `a user for each daemon, and ${user} to work as`,
    )
  },
})

const homeOf = (daemon: string) => [userOf(daemon), `${state}/${daemon}`] as const

const addUser = (name: string, home: string) =>
  `useradd --system --gid ${group} --home-dir ${home} --no-create-home --shell /usr/sbin/nologin ${name}`

/** Who may read the keytabs; the notifier needs none. */
const members = ({ user }: Wish): Step => ({
  about: 'members',
  look(machine) {
    const wanted = [user, ...daemons.filter((one) => one !== 'notifier').map(userOf)].flatMap((name) =>
      [group, keytabsGroup].map((one) => [name, one] as const),
    )
    // One that is not there yet will be made with the group.
    const has = (name: string) => (findUser(machine, name) ? groupsOf(machine, name) : [group])
    const missing = wanted.filter(([name, one]) => !has(name).includes(one))
    const says = `who may read the configuration (${group}) and the keytabs (${keytabsGroup})`
    return missing.length === 0
      ? kept(says)
      : // Unlike usermod it takes users of a directory service, too.
        todo(
          missing.map(([name, one]) => `gpasswd -a ${name} ${one}`),
          says,
        )
  },
})
