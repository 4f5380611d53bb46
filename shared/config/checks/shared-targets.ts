/** Entries that get in each other's way: one service with two identities, one file on one node with two writers. */
import { bearerFile, vaultTokenFiles } from '../../contracts/token-files.ts'
import type { ResolvedEntry } from '../resolve/resolve.ts'
import { renderTemplate, templateFields } from '../resolve/template.ts'
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

/** One warning per set of entries, however many nodes and files they share. */
export function checkSharedFiles(entries: readonly ResolvedEntry[], report: Report) {
  const uids = new Map(
    entries.flatMap(({ entry }) =>
      entry.desiredUid === undefined ? [] : [[entry.account, entry.desiredUid] as const],
    ),
  )
  const writers = new Map<string, { node: string; file: string; by: ResolvedEntry[] }>()
  for (const one of entries) {
    const { entry } = one
    // Entries of one account have one UID, whether or not it is known yet.
    const uid = entry.desiredUid ?? uids.get(entry.account)
    const shown = uid ?? `<UID of ${entry.account}>`
    const fields = { ...templateFields(entry), DesiredUID: shown }
    const directory = renderTemplate(entry.tokenDirectoryTemplate, fields)
    const files = [
      ...(entry.deliver.vault ? vaultTokenFiles(directory, shown, entry.service) : []),
      ...entry.deliver.bearers.map(({ purpose }) => bearerFile(directory, shown, purpose)),
      ...(entry.roleFileTemplate === undefined ? [] : [renderTemplate(entry.roleFileTemplate, fields)]),
    ]
    for (const file of new Set(files)) {
      for (const node of entry.nodes) {
        const key = `${node}\0${file}`
        const writer = writers.get(key) ?? { node, file, by: [] }
        writer.by.push(one)
        writers.set(key, writer)
      }
    }
  }
  const shared = [...writers.values()].filter(({ by }) => by.length > 1)
  for (const same of Map.groupBy(shared, ({ by }) =>
    by.map(({ entry }) => entry.name).join(' and '),
  ).values()) {
    const last = same[0]?.by.at(-1)
    if (!last) continue
    const names = last && same[0]?.by.map(({ entry }) => entry.name).join(' and ')
    const files = [...new Set(same.map(({ file }) => file))].join(', ')
    const nodes = [...new Set(same.map(({ node }) => node))]
    const where =
      nodes.length > 4 ? `${nodes.slice(0, 3).join(', ')} and ${nodes.length - 3} more` : nodes.join(', ')
    report(
      'warning',
      last.path,
      `${names} write the same files on ${where} (${files}): the last run wins — expected other nodes or another account`,
    )
  }
}
