/** What changes because of the machine's files: ssh's of the predecessor's user, its jsonnet, modes, logrotate, SELinux. */
import { join } from 'node:path'
import type { Machine } from '../machine.ts'
import { logs, settings, state } from '../places.ts'
import { type Change, change } from './change.ts'
import type { Predecessor } from './find.ts'

export const changesOfMachine = (found: Predecessor): Change[] => [
  ...ofSsh(found),
  ...ofJsonnet(found),
  ...ofDirectories(found),
  ...ofVaultTokens(found),
  ...ofLogrotate(found.machine),
  ...ofSelinux(found.machine),
]

const systemHosts = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']

function ofSsh({ machine, home, user, site }: Predecessor): Change[] {
  if (!home) return []
  const own = join(home, '.ssh/known_hosts')
  const nodes = new Set(site?.entries.flatMap((entry) => entry.nodes))
  const known = systemHosts.flatMap((file) => hostLines(machine.read(file)))
  const alone = hostLines(machine.read(own)).filter(
    ({ isHashed, names }) =>
      isHashed ||
      [...nodes].some((node) => matches(names, node) && !known.some((one) => matches(one.names, node))),
  )
  const settingsOfUser = join(home, '.ssh/config')
  const setting = lineOf(machine.read(settingsOfUser), /^\s*\w/)
  return [
    ...alone
      .slice(0, most)
      .map(({ line, isHashed, names }) =>
        change(
          `${own}:${line}`,
          isHashed
            ? `a host key whose host is hashed is known to ${user} alone; the daemons read /etc/ssh/ssh_known_hosts`
            : `the key of ${names} is known to ${user} alone; the daemons read /etc/ssh/ssh_known_hosts`,
          `put the line there${isHashed ? `, where "ssh-keygen -F NODE -f ${own}" finds a node of yours in it` : ''}`,
        ),
      ),
    ...(alone.length > most ? [change(own, `${alone.length - most} more lines are like these`)] : []),
    ...(setting
      ? [
          change(
            `${settingsOfUser}:${setting}`,
            `ssh's settings of ${user} are not read by the daemons`,
            'put them into /etc/ssh/ssh_config.d',
          ),
        ]
      : []),
  ]
}

const most = 20

interface HostLine {
  readonly line: number
  readonly names: string
  readonly isHashed: boolean
}

/** Lines of a file with host keys; what stands before the names, such as @cert-authority, is left out. */
const hostLines = (text = ''): HostLine[] =>
  text.split('\n').flatMap((row, index) => {
    const [names = '', ...rest] = row
      .trim()
      .replace(/^@\S+\s+/, '')
      .split(/\s+/)
    return rest.length > 0 && !names.startsWith('#')
      ? [{ line: index + 1, names, isHashed: names.startsWith('|') }]
      : []
  })

/** As ssh matches the names of a line: with * and ?, and without those behind a !. */
function matches(names: string, node: string): boolean {
  const fits = (pattern: string) =>
    new RegExp(
      `^${pattern
        .replace(/^\[(.*)\]:\d+$/, '$1')
        .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
      'i',
    ).test(node)
  const patterns = names.split(',')
  return (
    patterns.some((one) => !one.startsWith('!') && fits(one)) &&
    !patterns.some((one) => one.startsWith('!') && fits(one.slice(1)))
  )
}

function ofJsonnet({ machine, file }: Predecessor): Change[] {
  const source = file.replace(/\.\w+$/, '.jsonnet')
  const text = machine.read(source)
  if (text === undefined) return []
  const library = join(settings, 'libsonnet/experimentConfig.libsonnet')
  const list = /supportedOverrides\s*=\s*\[([^\]]*)\]/.exec(machine.read(library) ?? '')?.[1]
  const passed = [...(list ?? '').matchAll(/["'](\w+)["']/g)].map(([, name = '']) => name)
  const rows = text.split('\n')
  const dropped = rows.flatMap((row, index) =>
    [...row.replace(/(\/\/|#).*$/, '').matchAll(/\b(\w+Override)\b["']?\s*:/g)]
      .filter(
        ([, name = '']) => list !== undefined && !passed.includes(name) && name !== 'experimentOverride',
      )
      .map(([, name = '']) =>
        change(
          `${source}:${index + 1}`,
          `${name} is dropped without a word: ${library} passes on ${passed.length} keys, and this is none of them`,
          'add it to supportedOverrides there, or give it by otherOverrides of makeConfig',
        ),
      ),
  )
  return [
    change(
      source,
      `${file} is made from this: what is added there is lost with the next make`,
      'add the keys of the daemons here, and run make',
    ),
    ...dropped,
  ]
}

/** Its package makes them 774. */
const ofDirectories = ({ machine }: Predecessor): Change[] =>
  [state, logs].flatMap((directory) => {
    const found = machine.stat(directory)
    return found && found.mode & 0o020
      ? [
          change(
            directory,
            `its group may write there (mode ${found.mode.toString(8)}); after setup it may not, nor others read what is in it`,
          ),
        ]
      : []
  })

/** They are as its umask has them. */
function ofVaultTokens({ machine, site }: Predecessor): Change[] {
  const roots = [...new Set(site?.entries.map(({ vaultTokenRoot }) => vaultTokenRoot))]
  return roots.flatMap((root) => {
    const open = machine
      .list(root)
      .filter((name) => name.startsWith('vt_') && ((machine.stat(join(root, name))?.mode ?? 0) & 0o044) !== 0)
    return open.length > 0
      ? [
          change(
            root,
            `${open.length} vault tokens in it may be read by others than their owner; the daemons write theirs with mode 600`,
            `chmod 600 ${root}/vt_*`,
          ),
        ]
      : []
  })
}

function ofLogrotate(machine: Machine): Change[] {
  const file = '/etc/logrotate.d/managed-tokens'
  const line = lineOf(machine.read(file), /^\s*"?\/var\/log\/managed-tokens\/[^"\s]*\*/)
  return line
    ? [
        change(
          `${file}:${line}`,
          'its pattern takes the daemons’ log files in, which have rules of their own',
          'name the predecessor’s files one by one',
        ),
      ]
    : []
}

/** Files that were moved, not copied, keep the labels of where they were. */
const ofSelinux = (machine: Machine): Change[] =>
  machine.read('/sys/fs/selinux/enforce')?.trim() === '1'
    ? [
        change(
          '/sys/fs/selinux/enforce',
          'SELinux is enforcing: what setup writes needs its labels',
          'restorecon -R /etc/nats /etc/managed-tokens /etc/systemd/system',
        ),
      ]
    : []

const lineOf = (text: string | undefined, pattern: RegExp) => {
  const at = text?.split('\n').findIndex((row) => pattern.test(row)) ?? -1
  return at < 0 ? undefined : at + 1
}
