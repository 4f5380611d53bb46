/** Entries that get in each other's way: one service with two identities, one file on one node with two writers. */
import { posix } from 'node:path'
import type { Path } from '../read/places.ts'
import { type NodeFile, nodeFiles } from '../resolve/node-files.ts'
import type { ResolvedEntry } from '../resolve/resolve.ts'
import type { Entry } from '../site.ts'
import type { Report } from './report.ts'

/** Entries of one service are meant to hold the same identity. */
export function checkSharedServices(entries: readonly ResolvedEntry[], report: Report) {
  for (const [service, same] of Map.groupBy(entries, ({ entry }) => entry.service)) {
    const principals = new Set(same.map(({ entry }) => entry.principal ?? whoseLogin(entry)))
    const last = same.at(-1)
    if (principals.size < 2 || !last) continue
    const list = same
      .map(({ entry }) => `${entry.name} uses ${entry.principal ?? whoseLogin(entry)}`)
      .join(', ')
    report(
      'warning',
      last.path,
      `service ${service} has different principals: ${list} — expected one principal, or each replaces the other's token`,
    )
  }
}

const whoseLogin = ({ oidc }: ResolvedEntry['entry']) => `issuers.${oidc?.issuer}`

/** A file of an entry on one of its nodes, with what stands in the configuration for it. */
interface Written {
  readonly by: ResolvedEntry
  readonly node: string
  readonly file: string
  readonly at: Path
  /** It has a `path` of its own. */
  readonly isPlaced: boolean
}

/** By node and file, where there are several. */
type Shared = readonly Written[]

function sharedFiles(entries: readonly ResolvedEntry[]): Shared[] {
  const uids = new Map(
    entries.flatMap(({ entry }) =>
      entry.desiredUid === undefined ? [] : [[entry.account, entry.desiredUid] as const],
    ),
  )
  // Entries of one account have one UID, whether or not it is known yet.
  const uidOf = ({ account, desiredUid }: Entry) => desiredUid ?? uids.get(account) ?? `<UID of ${account}>`
  const all = entries.flatMap((by) => writtenBy(by, uidOf(by.entry)))
  return [...Map.groupBy(all, ({ node, file }) => `${node.toLowerCase()}\0${file}`).values()].filter(
    (same) => same.length > 1,
  )
}

function writtenBy(by: ResolvedEntry, uid: number | string): Written[] {
  const files = nodeFiles(by.entry, uid).map((file) => ({
    ...{ by, file: posix.normalize(file.path), at: placeOf(by, file) },
    isPlaced: typeof file.holds === 'object' && file.holds.path !== undefined,
  }))
  return nodesTo(by.entry).flatMap((node) => files.map((file) => ({ ...file, node })))
}

/** Whatever the distributor's own host is called, it is one. */
const nodesTo = ({ nodes, transport }: Entry): readonly string[] =>
  transport === 'local' && nodes.length > 0 ? [...nodes, 'the distributor’s own host'] : nodes

function placeOf({ entry, path, bearersAt }: ResolvedEntry, { holds }: NodeFile): Path {
  if (holds === 'role') return [...path, 'defaultRoleFileDestinationTemplateOverride']
  const bearer = holds === 'vault' ? undefined : bearersAt[entry.deliver.bearers.indexOf(holds)]
  return bearer ?? [...path, 'deliver']
}

/** One warning per set of entries, however many nodes and files they share; an error where a `path` brings it about. */
export function checkSharedFiles(
  entries: readonly ResolvedEntry[],
  report: Report,
  place: (path: Path) => string,
) {
  const shared = sharedFiles(entries)
  const clashing = shared.filter((same) => same.some(({ isPlaced }) => isPlaced))
  const placesOf = (same: Shared) => JSON.stringify(same.map(({ file, at }) => [file, at]))
  for (const sets of Map.groupBy(clashing, placesOf).values()) refuseClash(sets, report, place)

  const namesOf = (same: Shared) => [...new Set(same.map(({ by }) => by.entry.name))]
  const warned = shared.filter((same) => !clashing.includes(same) && namesOf(same).length > 1)
  for (const [names, sets] of Map.groupBy(warned, (same) => namesOf(same).join(' and '))) {
    const last = sets[0]?.at(-1)?.by
    if (!last) continue
    const files = [...new Set(sets.map(([one]) => one?.file))].join(', ')
    report(
      'warning',
      last.path,
      `${names} write the same files on ${nodesOf(sets)} (${files}): the last run wins — expected other nodes or another account`,
    )
  }
}

function nodesOf(sets: readonly Shared[]): string {
  const nodes = [...new Set(sets.map(([one]) => one?.node))]
  return nodes.length > 4 ? `${nodes.slice(0, 3).join(', ')} and ${nodes.length - 3} more` : nodes.join(', ')
}

/** Each replaces the other, run by run, and what a consumer finds is chance. */
function refuseClash(sets: readonly Shared[], report: Report, place: (path: Path) => string): void {
  const [first, ...others] = sets[0] ?? []
  for (const { by, at, file } of others) {
    const whose = by === first?.by ? 'it does already' : `${first?.by.entry.name} does`
    const advice =
      at.join() === first?.at.join()
        ? 'a field such as {{.AudienceHost}} in it'
        : 'a path of its own for each'
    report(
      'error',
      at,
      `${by.entry.name} writes ${file} on ${nodesOf(sets)} as ${whose} (${place(first?.at ?? at)}) — expected ${advice}`,
    )
  }
}
