/** An entry as this daemon's own configuration has it: nothing on the bus can point a token elsewhere. */
import type { Entry, Site } from './config/site.ts'
import { failure, Permanent } from './errors.ts'

/** Throws Permanent `entry-unknown` when the configuration has no such entry. */
export function findEntry(site: Site, name: string): Entry {
  const entry = site.entries.find((one) => one.name === name)
  if (entry) return entry
  throw new Permanent(failure('entry-unknown', `${name} is not in this daemon’s configuration ${site.file}.`))
}
