/** A service as somebody typed it, looked up in a configuration. */
import { nearest } from '../../shared/config/read/problem.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { UsageError } from '../terminal/errors.ts'

/** The role of a service that is named by its experiment alone, as the predecessor and htgettoken have it. */
const defaultRole = 'analysis'

/** The configured name for what was typed: in any case, and `nova` for `nova_analysis`. Pure. */
export function serviceName(typed: string): string {
  const name = typed.toLowerCase()
  return name.includes('_') ? name : `${name}_${defaultRole}`
}

/** The entry `name`, in any case. Throws UsageError with the nearest known name otherwise. */
export function findService(site: Site, name: string): Entry {
  const entry = site.entries.find((one) => one.name === serviceName(name))
  if (entry) return entry
  throw new UsageError(describeUnknown(site, name))
}

/** `no service "dune_prodution" in FILE; did you mean dune_production?` */
export function describeUnknown({ file, entries }: Pick<Site, 'file' | 'entries'>, name: string): string {
  const near = nearestService({ entries }, name)
  const advice = near
    ? `did you mean ${near}?`
    : `configured are: ${entries.map((entry) => entry.name).join(', ')}`
  return `no service ${JSON.stringify(name)} in ${file}; ${advice}`
}

/** What was meant: the nearest name, or the only one that begins so. */
export function nearestService({ entries }: Pick<Site, 'entries'>, name: string): string | undefined {
  const names = entries.map((entry) => entry.name)
  const longer = names.filter((one) => one.startsWith(name.toLowerCase()))
  return nearest(name, names) ?? (longer.length === 1 ? longer[0] : undefined)
}
