/** The configuration: a first one where there is none, the keys that daemons under systemd need, and who may read it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findGroup } from '../account.ts'
import { addMissing, type Section } from '../add-keys.ts'
import { type Configuration, findConfiguration } from '../configuration.ts'
import type { Machine } from '../machine.ts'
import { authority, group, settings } from '../places.ts'
import { kept, quote, type Step, todo, type Verdict, yours } from '../step.ts'
import type { Wish } from '../wish.ts'
import { hasAuthority } from './certificates.ts'

export function configurationSteps(wish: Wish): Step[] {
  return [first(wish), lacking(wish), access]
}

const file = join(settings, 'managedTokens.yml')
const shipped = ({ root }: Wish) => join(root, 'deploy/managedTokens.yml')

const first = (wish: Wish): Step => ({
  about: 'configuration',
  look(machine) {
    const found = findConfiguration(machine)
    if (found) return kept(`${found.file}, which services there are`)
    return todo(
      [`put root ${group} 0640 ${file} cat ${quote(shipped(wish))}`],
      `${file}, for your services to be written into`,
    )
  },
})

/** What docs/operations.md shows under “The configuration”. */
export function wantedKeys({ host, port }: Pick<Wish, 'host' | 'port'>, ownTrust: boolean): Section[] {
  const credential = (daemon: string, name: string) =>
    `/run/credentials/managed-tokens@${daemon}.service/${name}`
  return [
    {
      name: 'nats',
      keys: {
        servers: [`tls://${host}:${port}`],
        ...(ownTrust ? { caFile: authority } : {}),
        seedFile: credential('{{.Daemon}}', 'nats.nk'),
      },
    },
    {
      name: 'sealing',
      keys: {
        seedFile: credential('distributor', 'sealing.seed'),
        signingKeyFile: credential('refresher', 'signing.seed'),
      },
    },
    { name: 'telemetry', keys: { metricsPort: 9464 } },
  ]
}

type Found = Pick<Configuration, 'file' | 'text' | 'madeFrom'>

/** Keys that it lacks, and whether setup can add them. */
export const lacking = (wish: Wish): Step => ({
  about: 'configuration',
  look(machine) {
    const found: Found = findConfiguration(machine) ?? { file, text: readFileSync(shipped(wish), 'utf8') }
    const added = addMissing(found.text, wantedKeys(wish, hasAuthority(machine)))
    const says = `its keys for bus, sealing and metrics`
    if (added.kind === 'complete') return kept(says)
    if (added.kind === 'unreadable')
      return yours(`${found.file} cannot be read as YAML`, '"managed-tokens config check" says where')
    if (added.kind === 'by-hand' || found.madeFrom) return byHand(found, added.lines)
    const edits = added.insertions.map(({ before, line }) => `-e ${quote(`${before}i\\${line}`)}`)
    const end = added.appended.map((line) => `-e ${quote(`$a\\${line}`)}`)
    const target = machine.stat(found.file)?.path ?? found.file
    return todo([['sed -i', ...edits, ...end, target].join(' ')], says)
  },
})

function byHand({ file, madeFrom }: Found, lines: string): Verdict {
  const where = madeFrom ? `${madeFrom}, then run make` : file
  return yours(`${file} lacks keys that are not added to such a file for you`, `add to ${where}:\n${lines}`)
}

const access: Step = {
  about: 'configuration',
  look(machine) {
    const found = findConfiguration(machine)
    const says = `its group ${group}, and nobody else, may read it`
    return todo(found ? accessOf(machine, found.file) : [], says)
  },
}

/** The owner stays, who may be the predecessor's. */
function accessOf(machine: Machine, path: string): string[] {
  const found = machine.stat(path)
  if (!found) return []
  return [
    ...(found.gid === findGroup(machine, group) ? [] : [`chgrp ${group} ${quote(found.path)}`]),
    ...(found.mode === 0o640 ? [] : [`chmod u=rw,g=r,o= ${quote(found.path)}`]),
  ]
}
