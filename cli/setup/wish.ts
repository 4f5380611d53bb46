/** What differs from site to site: as was typed, else as it is found, else as documented. */
import { join } from 'node:path'
import { accountName, hostName } from '../../shared/config/schema/grammar.ts'
import { UsageError } from '../terminal/errors.ts'
import { findConfiguration } from './configuration.ts'
import type { Machine } from './machine.ts'
import { bus, defaultUser, units } from './places.ts'

export interface Wish {
  /** The directory of this program. */
  readonly root: string
  /** Has the operator's key and the keytabs; where it is not the default one, refresher, storer and distributor run as it. */
  readonly user: string
  /** The name by which daemons reach the bus. */
  readonly host: string
  readonly port: number
  /** Whether the bus is to be on this machine. */
  readonly isBusHere: boolean
}

export interface WishOptions {
  readonly user?: string
  readonly host?: string
}

/** Throws UsageError for a word that cannot be meant. */
export function decideWish(options: WishOptions, machine: Machine, root: string): Wish {
  const named = (findConfiguration(machine)?.site?.nats.servers ?? []).map((url) => new URL(url))
  const host = read(hostName, options.host, '--host')
  const here = named.find(({ hostname }) => [host, ...namesOf(machine)].includes(hostname))
  return {
    root,
    user: read(accountName, options.user, '--user') ?? userOfUnits(machine) ?? defaultUser,
    host: host ?? here?.hostname ?? 'localhost',
    port: portOfServer(machine) ?? (Number(here?.port) || 4222),
    isBusHere: named.length === 0 || here !== undefined,
  }
}

function read(schema: typeof hostName, text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined
  const found = schema.safeParse(text)
  if (found.success) return found.data
  throw new UsageError(`${option}: ${found.error.issues[0]?.message}.`)
}

const namesOf = ({ hostname }: Machine) => ['localhost', '127.0.0.1', hostname, hostname.split('.')[0] ?? '']

/** Where setup was told so once. */
function userOfUnits(machine: Machine): string | undefined {
  const dropIn = machine.read(userDropIn('refresher'))
  return /^User=(.+)$/m.exec(dropIn ?? '')?.[1]
}

/** Says as whom a daemon runs that has no user of its own. */
export const userDropIn = (daemon: string) => join(units, `managed-tokens@${daemon}.service.d`, 'user.conf')

function portOfServer(machine: Machine): number | undefined {
  const port = /^listen:\s*"?\S*?:(\d+)"?\s*$/m.exec(machine.read(bus.conf) ?? '')?.[1]
  return port ? Number(port) : undefined
}
