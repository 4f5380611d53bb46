/** An entry as this daemon's own configuration has it: nothing on the bus can point a token elsewhere. */
import { quote } from '../config/schema/grammar.ts'
import type { Entry, Site } from '../config/site.ts'
import { failedWith } from '../contracts/errors.ts'
import type { Credds } from './find-credds.ts'

/** What every item and every fact says of its entry. */
export interface EntryNames {
  readonly entry: string
  readonly service: string
  readonly experiment: string
  readonly role: string
}

/** Of every configuration in force. */
const byName = new WeakMap<readonly Entry[], ReadonlyMap<string, Entry>>()

/** The entry of that name, without a search: it is asked for with every message. */
export function entryNamed(entries: readonly Entry[], name: string): Entry | undefined {
  const known = byName.get(entries) ?? new Map(entries.map((entry) => [entry.name, entry]))
  byName.set(entries, known)
  return known.get(name)
}

/** Throws Permanent `entry-unknown` when the configuration has no such entry, or has it with another experiment, role or service. */
export function findEntry({ entries, file }: Pick<Site, 'entries' | 'file'>, about: EntryNames): Entry {
  const entry = entryNamed(entries, about.entry)
  if (!entry) throw unknown(`${quote(about.entry)} is not in this daemon’s configuration ${file}.`)
  for (const what of ['experiment', 'role', 'service'] as const)
    if (entry[what] !== about[what])
      throw unknown(`${quote(about[what])} is not the ${what} of ${entry.name} in ${file}.`)
  return entry
}

/** The same, or undefined: what is taken away may have left the configuration. */
export const knownEntry = ({ entries }: Pick<Site, 'entries'>, about: EntryNames): Entry | undefined =>
  entries.find(
    ({ name, experiment, role, service }) =>
      name === about.entry &&
      experiment === about.experiment &&
      role === about.role &&
      service === about.service,
  )

/** Throws Permanent `entry-unknown` when the entry has no such node. */
export function mustBeNode(node: string, { name, nodes }: Entry, { file }: Pick<Site, 'file'>): void {
  if (!nodes.includes(node)) throw unknown(`${quote(node)} is not a node of ${name} in ${file}.`)
}

/** Throws Permanent when the credd is none of the entry's: `entry-unknown` where they are configured, `credd-unknown` where a collector names them. */
export function mustBeCredd(
  credd: string,
  { names, collector }: Credds,
  { name }: Entry,
  { file }: Pick<Site, 'file'>,
): void {
  if (names.includes(credd)) return
  if (!collector) throw unknown(`${quote(credd)} is not a credd of ${name} in ${file}.`)
  const message = `${collector} does not name ${quote(credd)} among the credds of ${name}.`
  throw failedWith('credd-unknown', message, { causeName: collector })
}

const unknown = (message: string) => failedWith('entry-unknown', message)
