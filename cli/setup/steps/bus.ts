/** nats-server's own files: where it listens, and who may say and hear what. */
import { join } from 'node:path'
import { renderPermissionsFile } from '../../../shared/bus/nats-conf.ts'
import { readVersion } from '../../doctor/version.ts'
import { findConfiguration } from '../configuration.ts'
import type { Machine } from '../machine.ts'
import { bus } from '../places.ts'
import { kept, quote, type Step, todo } from '../step.ts'
import type { Wish } from '../wish.ts'

export function busSteps(wish: Wish): Step[] {
  return wish.isBusHere ? [conf(wish), permissions(wish)] : []
}

/** Debian's 2.9 does not know it, and would not start. */
const sinceTwoTen = 'sync_interval'

function isOld(machine: Machine): boolean {
  const [major, minor] = readVersion(machine.ask('nats-server', '--version') ?? '') ?? []
  return major === 2 && minor !== undefined && minor < 10
}

const conf = ({ root, port }: Wish): Step => ({
  about: 'bus',
  look(machine) {
    const shipped = quote(join(root, 'deploy/nats/nats-server.conf'))
    const [found, old] = [machine.read(bus.conf), isOld(machine)]
    const says = `${bus.conf}: port ${port}, TLS, and where the streams lie`
    const edits = [
      ...(found === undefined && port !== 4222 ? [`-e 's/:4222"/:${port}"/'`] : []),
      ...(old && (found === undefined || found.includes(sinceTwoTen)) ? [`-e '/${sinceTwoTen}/d'`] : []),
    ].join(' ')
    if (found !== undefined) return todo(edits ? [`sed -i ${edits} ${bus.conf}`] : [], says)
    return todo([`put root root 0644 ${bus.conf} ${edits ? `sed ${edits}` : 'cat'} ${shipped}`], says)
  },
})

const permissions = ({ root }: Wish): Step => ({
  about: 'bus',
  look(machine) {
    const own = machine.read(bus.conf)
    if (own !== undefined && !/^\s*include\s+\.\/permissions\.conf\s*$/m.test(own))
      return kept(`permissions: ${bus.conf} has files of its own`)
    const domain = findConfiguration(machine)?.site?.nats.domain
    const print = domain
      ? `${quote(process.execPath)} ${quote(join(root, 'deploy/nats/write-permissions.ts'))} --domain ${domain}`
      : `cat ${quote(join(root, 'deploy/nats/permissions.conf'))}`
    const isRight = machine.read(bus.permissions) === renderPermissionsFile({ domain })
    return todo(
      isRight ? [] : [`put root root 0644 ${bus.permissions} ${print}`],
      `${bus.permissions} of this version`,
    )
  },
})
