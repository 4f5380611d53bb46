/** Whether this machine waits for a node to take a connection: the kernel's own table says so, and nobody has to be asked. */
import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import type { Entry } from '../../shared/config/site.ts'
import type { SshTargets } from './ssh-target.ts'

/** Answers true while a connection to the node's ssh port is begun and not answered. */
export type IsConnecting = (entry: Entry, node: string) => Promise<boolean>

export function openIsConnecting(targets: SshTargets): IsConnecting {
  return async (entry, node) => {
    const target = await targets(entry, node)
    if (!target || target.isProxied) return false
    const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readTable))
    const remotes = tables.flatMap((table) => unansweredTo(table, target.port))
    // Mostly nobody waits, and a name server that hangs is not asked for every look.
    if (remotes.length === 0) return false
    const found = await lookup(target.host, { all: true }).catch(() => [])
    return found.some(({ address }) => isAmong(remotes, address))
  }
}

/** Where there is no such table, nobody is seen to wait. */
const readTable = (file: string) => readFile(file, 'utf8').catch(() => '')

/** A line of the table: number, local address, remote address, state (02: SYN sent). */
const unanswered = /^ *\d+: \S+ ([0-9A-F]+):([0-9A-F]{4}) 02 /gm

/** Whether the text of `/proc/net/tcp` or `tcp6` has a connection to this address that is not answered. Pure. */
export function hasUnanswered(table: string, address: string, port: number): boolean {
  return isAmong(unansweredTo(table, port), address)
}

/** The addresses, as the kernel writes them, to whose port a connection is not answered. */
const unansweredTo = (table: string, port: number): readonly string[] =>
  [...table.matchAll(unanswered)].flatMap(([, remote = '', hexPort = '']) =>
    Number.parseInt(hexPort, 16) === port ? [remote] : [],
  )

const isAmong = (remotes: readonly string[], address: string) =>
  spellings(address).some((one) => remotes.includes(one))

/** How the kernel writes an address: each 32 bits of it backwards. An IPv4 one may be inside an IPv6 one. */
function spellings(address: string): string[] {
  if (!address.includes(':')) {
    const word = backwards(address.split('.').map(Number))
    return [word, `0000000000000000FFFF0000${word}`]
  }
  const bytes = bytesOf(address)
  return [[0, 4, 8, 12].map((at) => backwards(bytes.slice(at, at + 4))).join('')]
}

const backwards = (bytes: readonly number[]) =>
  bytes
    .toReversed()
    .map((byte) => byte.toString(16).padStart(2, '0').toUpperCase())
    .join('')

function bytesOf(address: string): number[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const [first, last] = [groups(head), groups(tail ?? '')]
  const zeros = Array<string>(8 - first.length - last.length).fill('0')
  return [...first, ...zeros, ...last].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
