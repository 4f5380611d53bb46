/** The predecessor's counts of consecutive errors, out of its SQLite database, as ours. */
import type { Site } from '../../../shared/config/site.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { readPredecessor } from '../../../shared/predecessor/database.ts'
import type { ImportedCount } from './failure-store.ts'

/** `service` is the name as configured: an entry's. */
const setupErrors = z.array(z.object({ service: z.string(), count: z.int() }))
const pushErrors = z.array(z.object({ service: z.string(), node: z.string(), count: z.int() }))

export interface PredecessorCounts {
  readonly setup: z.infer<typeof setupErrors>
  readonly push: z.infer<typeof pushErrors>
}

/** Every count above 0 in the database `file`. Throws an error that says what is wrong with the file. */
export function readPredecessorCounts(file: string): PredecessorCounts {
  return readPredecessor(file, (database) => {
    const rows = (query: string) => database.prepare(query).all()
    const setup = setupErrors.safeParse(
      rows(`SELECT services.name AS service, count FROM setup_errors
        JOIN services ON services.id = service_id WHERE count > 0 ORDER BY 1`),
    )
    const push = pushErrors.safeParse(
      rows(`SELECT services.name AS service, nodes.name AS node, count FROM push_errors
        JOIN services ON services.id = service_id JOIN nodes ON nodes.id = node_id
        WHERE count > 0 ORDER BY 1, 2`),
    )
    if (!setup.success || !push.success)
      throw new Error('its tables setup_errors and push_errors do not hold counts of services')
    return { setup: setup.data, push: push.data }
  })
}

/** Those of what is configured, and the names of what is not. Pure. */
export function matchCounts(
  { setup, push }: PredecessorCounts,
  { entries }: Pick<Site, 'entries'>,
): { readonly counts: readonly ImportedCount[]; readonly unknown: readonly string[] } {
  const counts: ImportedCount[] = []
  const unknown: string[] = []
  const entryOf = (service: string) => entries.find(({ name }) => name === service.toLowerCase())
  for (const { service, count } of setup) {
    const entry = entryOf(service)
    if (entry) counts.push({ failing: { entry: entry.name, kind: 'refresh', name: entry.service }, count })
    else unknown.push(service)
  }
  for (const { service, node, count } of push) {
    const entry = entryOf(service)
    if (entry?.nodes.includes(node))
      counts.push({ failing: { entry: entry.name, kind: 'node', name: node }, count })
    else unknown.push(`${service} on ${node}`)
  }
  return { counts, unknown }
}
