/** Keys: seeds of everybody on the bus, the public halves for nats-server and for the daemons, and the operator's own. */
import { Prefix } from '@nats-io/nkeys'
import { keyVariable } from '../../../shared/bus/nats-conf.ts'
import { publicKeyOf } from '../../../shared/bus/nkey.ts'
import { isPerson, type NatsUser, natsUsers } from '../../../shared/bus/permissions.ts'
import {
  sealingPublicKeyFile,
  sealingSeedFile,
  seedFile,
  signingSeedFile,
  trustedSignersFile,
} from '../../../shared/daemon/state.ts'
import { access } from '../account.ts'
import type { Machine } from '../machine.ts'
import { authority, bus, credentials, group, operator, state } from '../places.ts'
import { kept, problem, type Step, todo, type Verdict, yours } from '../step.ts'
import type { Wish } from '../wish.ts'
import { hasAuthority } from './certificates.ts'

export function keySteps(wish: Wish): Step[] {
  return [
    seeds(wish),
    ...(wish.isBusHere ? [busKeys] : []),
    publicHalves(wish),
    // People ask where the bus is.
    ...(wish.isBusHere ? [operatorSeed(wish), operatorEnv(wish)] : []),
  ]
}

const seeds = ({ isBusHere }: Wish): Step => ({
  about: 'keys',
  look(machine) {
    const says = `seeds of bus, sealing and signing, in ${credentials}`
    const isThere = (file: string) => machine.stat(file) !== undefined
    const bySealing = [sealingSeedFile(credentials), signingSeedFile(credentials)]
    const files = [
      ...natsUsers.map((user) => seedFile(credentials, user)),
      ...bySealing,
      sealingPublicKeyFile(credentials),
      trustedSignersFile(credentials),
    ]
    // Keys that the bus elsewhere does not know are good for nothing, and a machine has only those of its own daemons.
    if (!isBusHere)
      return natsUsers.some((user) => !isPerson(user) && isThere(seedFile(credentials, user)))
        ? kept(says)
        : yours(
            'the bus is on another machine',
            `bring the seeds of the daemons that run here from its ${credentials}`,
          )
    const script = files.every(isThere) ? [] : [`managed_tokens keys --state ${credentials} >/dev/null`]
    return todo(script, says)
  },
})

/** What nats-server has to know of each user; undefined where a seed is not there or none. */
function publicLines(machine: Machine): readonly (readonly [variable: string, key: string | undefined])[] {
  const keyOf = (user: NatsUser) => {
    const seed = machine.read(seedFile(credentials, user))?.trim()
    try {
      return seed && publicKeyOf(new TextEncoder().encode(seed), Prefix.User)
    } catch {
      return undefined
    }
  }
  return natsUsers.map((user) => [keyVariable(user), keyOf(user)])
}

const busKeys: Step = {
  about: 'bus keys',
  look(machine) {
    const says = `${bus.keys}, the public keys of the users of the bus`
    const text = machine.read(bus.keys)
    if (text === undefined) return todo([print(bus.keys)], says)
    const found = new Map([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', key = '']) => [name, key]))
    const lines = publicLines(machine)
    const other = lines.find(([name, key]) => key && found.has(name) && found.get(name) !== key)
    if (other)
      return problem(
        `${bus.keys} has another ${other[0]} than the seed in ${credentials} is of`,
        `bring the seed that belongs to it, or, where those in ${credentials} are the right ones, remove ${bus.keys}; then run setup again`,
      )
    return todo(lines.every(([name]) => found.has(name)) ? [] : addLines, says)
  },
}

const print = (file: string) => `put root root 0644 ${file} managed_tokens keys --state ${credentials}`

/** What a version before did not know is put behind the lines that are there. */
const own = `${bus.keys}.own`
const addLines = [
  print(own),
  `put root root 0644 ${bus.keys} sh -c 'cat "$0"; grep -vxF -f "$0" "$1"' ${bus.keys} ${own}`,
  `rm ${own}`,
]

/** Beside the daemons' state, where they look. One that is there may be of a machine that has the other half, or of a change of keys. */
const publicHalves = ({ isBusHere }: Wish): Step => ({
  about: 'public keys',
  look(machine) {
    const halves = [sealingPublicKeyFile, trustedSignersFile].map((fileIn) => ({
      from: fileIn(credentials),
      to: fileIn(state),
    }))
    const missing = halves.filter(({ to }) => machine.read(to) === undefined)
    const strange = halves.filter(
      ({ from, to }) => !missing.some((one) => one.to === to) && lacks(machine.read(to), machine.read(from)),
    )
    if (!isBusHere && missing.some(({ from }) => !machine.stat(from)))
      return yours(
        `${missing.map(({ to }) => to).join(' and ')} are not there`,
        'bring them from the machine of the bus',
      )
    const says = `${halves.map(({ to }) => to).join(' and ')}, which the daemons read`
    const note = strange.map(({ to }) => ` (${to} is of another key than the one here: see “Change keys”)`)
    return todo(
      missing.map(({ from, to }) => `put root ${group} 0640 ${to} cat ${from}`),
      says + note.join(''),
    )
  },
})

const lacks = (text = '', key: string | undefined) => key !== undefined && !text.includes(key.trim())

const operatorSeed = ({ user }: Wish): Step => ({
  about: 'operator',
  look(machine) {
    const from = seedFile(credentials, 'operator')
    const { directory, seed } = operator
    const [where, what] = [machine.stat(directory), machine.stat(seed)]
    const owned = { owner: user, mode: 0o700 }
    return todo(
      [
        ...(where
          ? access(machine, directory, where, owned)
          : [`install -d -o ${user} -m 0700 ${directory}`]),
        ...(what
          ? access(machine, seed, what, { owner: user, mode: 0o600 })
          : [`put_as ${user} ${seed} cat ${from}`]),
      ],
      `${seed}, with which ${user} asks and watches`,
    )
  },
})

const asWritten = /^export NATS_URL=tls:\/\/[^\s,]+( NATS_CA=\S+)? NATS_NKEY=\S+\n$/

const operatorEnv = ({ user, host, port }: Wish): Step => ({
  about: 'operator',
  look(machine): Verdict {
    const { env, seed } = operator
    const says = `${env}, for a shell that runs nats`
    const trust = hasAuthority(machine) ? ` NATS_CA=${authority}` : ''
    const line = `export NATS_URL=tls://${host}:${port}${trust} NATS_NKEY=${seed}`
    const [found, text] = [machine.stat(env), machine.read(env)]
    // Another one of ours is of another port or name; what somebody has written stays.
    const isOurs = text !== undefined && asWritten.test(text) && text !== `${line}\n`
    if (found && !isOurs) return todo(access(machine, env, found, { owner: user, mode: 0o600 }), says)
    return todo([`put_as ${user} ${env} echo '${line}'`], says)
  },
})
