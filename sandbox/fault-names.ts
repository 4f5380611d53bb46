/** Refuses faults of services and hosts that the site does not have: switched on they would change nothing. */
import { nearest } from '../shared/config/read/problem.ts'
import { collector, creddsOf, nodesOf, type SiteEntry, serviceName } from './entry.ts'
import { isAffected } from './fault-file.ts'
import { type FaultName, type Faults, faultsSchema } from './faults.ts'

/** What the value of a fault names, as its description says. */
const namesOf = (entries: readonly SiteEntry[]): Readonly<Record<string, readonly string[]>> => ({
  NODE: nodesOf(entries),
  CREDD: creddsOf(entries),
  COLLECTOR: [collector],
  SERVICE: [...new Set(entries.map(serviceName))],
})

/** One line for each kind of name, for usage texts; hosts without their domain. Pure. */
export function listNames(entries: readonly SiteEntry[]): string {
  return Object.entries(namesOf(entries))
    .map(
      ([kind, names]) => `  ${kind.padEnd(10)} ${names.map((name) => name.replace(/\..*/, '')).join(', ')}`,
    )
    .join('\n')
}

/** Throws an error with the names that there are. Hosts may be named without their domain. Pure. */
export function refuseUnknownNames(faults: Faults, entries: readonly SiteEntry[]): void {
  const there = namesOf(entries)
  for (const [fault, names] of Object.entries(faults)) {
    if (!Array.isArray(names)) continue
    const kind = faultsSchema.shape[fault as FaultName].description?.split(':')[0] ?? ''
    const known = there[kind] ?? []
    const unknown = names.find((name) => !known.some((one) => isAffected([name], one)))
    if (unknown === undefined) continue
    const near = nearest(unknown, [...known, ...known.map((name) => name.replace(/\..*/, ''))])
    throw new Error(
      `fault "${fault}": the site has no ${kind.toLowerCase()} ${unknown}${near ? `; did you mean ${near}?` : '.'} There are: ${known.join(', ')}`,
    )
  }
}
