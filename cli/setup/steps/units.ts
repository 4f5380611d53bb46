/** Units and logrotate's rules: those of this version, where no package has brought them. */
import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '../machine.ts'
import { bus, defaultUser, documentedRoot, logrotate, packagedUnits, units } from '../places.ts'
import { kept, quote, type Step, todo } from '../step.ts'
import { userDropIn, type Wish } from '../wish.ts'
import { userOf } from './users.ts'

export function unitSteps(wish: Wish): Step[] {
  return [unitFiles(wish), ...(wish.user === defaultUser ? [] : [runAs(wish)]), rotation(wish)]
}

/** Daemons that need the keytabs, and so run as whoever has them. */
const withKeytabs = ['refresher', 'storer', 'distributor']

/** Whether systemd is there to be told. */
export const hasSystemd = (machine: Machine) => machine.stat('/run/systemd/system') !== undefined
const reload = (machine: Machine) => (hasSystemd(machine) ? ['systemctl daemon-reload'] : [])

const unitFiles = (wish: Wish): Step => ({
  about: 'units',
  look(machine) {
    const from = join(wish.root, 'deploy/systemd')
    const names = readdirSync(from, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath, one.name).slice(from.length + 1))
      .filter((name) => !isPackaged(machine, name, wish))
      .sort()
    if (names.length === 0) return kept('of the package')
    const wrong = names.filter(
      (name) => machine.read(join(units, name)) !== ofThisRoot(wish, join(from, name)),
    )
    const script = wrong.flatMap((name) => installed(wish, join(from, name), join(units, name)))
    return todo(script.length > 0 ? [...script, ...reload(machine)] : [], `${units}, of this version`)
  },
})

/** A package's own, or a nats-server's that reads the same configuration. */
function isPackaged(machine: Machine, name: string, { isBusHere }: Wish): boolean {
  if (name !== 'nats-server.service') return machine.stat(join(packagedUnits, name)) !== undefined
  return !isBusHere || (machine.read(join(packagedUnits, name)) ?? '').includes(bus.conf)
}

/** Where it is installed as documented, the text as it is shipped. */
function ofThisRoot(wish: Wish, file: string): string {
  const text = readFileSync(file, 'utf8')
  return isDocumented(wish) ? text : text.replaceAll(documentedRoot, wish.root)
}

function isDocumented({ root }: Wish): boolean {
  try {
    return realpathSync(documentedRoot) === realpathSync(root)
  } catch {
    return false
  }
}

const replaceRoot = (wish: Wish) =>
  isDocumented(wish) ? 'cat' : `sed ${quote(`s|${documentedRoot}|${wish.root}|g`)}`

const installed = (wish: Wish, from: string, to: string) => [
  ...(to.includes('.d/') ? [`install -d -m 0755 ${to.slice(0, to.lastIndexOf('/'))}`] : []),
  `put root root 0644 ${to} ${replaceRoot(wish)} ${quote(from)}`,
]

const runAs = ({ user }: Wish): Step => ({
  about: 'units',
  look(machine) {
    const text = `[Service]\nUser=${user}\nRemoveIPC=no\n`
    const wrong = withKeytabs.map(userDropIn).filter((file) => machine.read(file) !== text)
    const script = wrong.flatMap((file) => [
      `install -d -m 0755 ${file.slice(0, file.lastIndexOf('/'))}`,
      `put root root 0644 ${file} printf '[Service]\\nUser=%s\\nRemoveIPC=no\\n' ${user}`,
    ])
    return todo(
      script.length > 0 ? [...script, ...reload(machine)] : [],
      `${withKeytabs.join(', ')} run as ${user}, as the predecessor does`,
    )
  },
})

const rotation = ({ root, user }: Wish): Step => ({
  about: 'logrotate',
  look(machine) {
    const shipped = join(root, 'deploy/logrotate/managed-tokens-daemons')
    const found = machine.read(logrotate)
    const text = found ?? readFileSync(shipped, 'utf8')
    const strangers = withKeytabs.filter(
      (daemon) => user !== defaultUser && text.includes(`su ${userOf(daemon)} `),
    )
    const edits = strangers.map((daemon) => `-e 's/su ${userOf(daemon)} /su ${user} /'`).join(' ')
    const says = `${logrotate}, for the daemons’ log files`
    if (found !== undefined) return todo(edits ? [`sed -i ${edits} ${logrotate}`] : [], says)
    return todo([`put root root 0644 ${logrotate} ${edits ? `sed ${edits}` : 'cat'} ${quote(shipped)}`], says)
  },
})
