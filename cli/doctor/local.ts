/** Whether the files of `transport: local` can be put on this host: the account, who becomes it, and the directories. */
import { type Stats, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { localAccount } from '../../services/distributor/transport/local-account.ts'
import { nodeFiles } from '../../shared/config/resolve/node-files.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { isFailed } from '../../shared/contracts/errors.ts'
import { type ReasonCode, reasons } from '../../shared/contracts/reasons.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'

const about = 'node'
const commandMs = 5_000

/** A check for each entry that is written here. */
export function checkLocal({ entries }: Site): Check[] {
  return entries
    .filter(({ transport, nodes }) => transport === 'local' && nodes.length > 0)
    .map((entry) => ({
      about,
      deadlineMs: 2 * commandMs,
      look: (signal) => lookAtEntry(entry, signal),
    }))
}

async function lookAtEntry(entry: Entry, signal: AbortSignal): Promise<Finding[]> {
  const [node = ''] = entry.nodes
  try {
    const { uid } = await localAccount({ entry, node }, { timeoutMs: commandMs, signal })
    const found = [...ofAccount(entry, uid), ...ofDirectories(entry, uid), ...ofName(node)]
    return found.length > 0
      ? found
      : [ok(about, `${node} is this host, and ${entry.account} can have its files here`)]
  } catch (error) {
    if (!isFailed(error)) throw error
    return [problem(about, error.failure.message, error.failure.action)]
  }
}

function ofAccount({ account, desiredUid, name }: Entry, uid: number): Finding[] {
  const ours = process.getuid?.()
  return [
    ...(desiredUid !== undefined && desiredUid !== uid
      ? [because('wrong-owner', `${account} of ${name} has UID ${uid} here, not ${desiredUid}`)]
      : []),
    ...(ours !== uid && ours !== 0
      ? [because('account-not-ours', `this user (${ours}) cannot write as ${account} (${uid})`)]
      : []),
  ]
}

const ofDirectories = (entry: Entry, uid: number): Finding[] =>
  [...new Set(nodeFiles(entry, uid).map(({ path }) => dirname(path)))].flatMap((directory) =>
    lookAtDirectory(directory, entry.account, uid),
  )

/** By owner and mode, as the placing script goes. */
function lookAtDirectory(directory: string, account: string, uid: number): Finding[] {
  const stats = statOf(directory)
  if (!stats?.isDirectory()) return [because('destination-missing', `${directory} is not there`)]
  const mode = (stats.mode & 0o7777).toString(8)
  const isOpen = (stats.mode & 0o022) !== 0
  const isSafe = (stats.uid === 0 || stats.uid === uid) && (!isOpen || (stats.mode & 0o1000) !== 0)
  if (!isSafe)
    return [because('destination-unsafe', `${directory} belongs to UID ${stats.uid} and has mode ${mode}`)]
  return stats.uid === uid || isOpen
    ? []
    : [because('destination-unwritable', `${account} cannot write in ${directory} (of root, mode ${mode})`)]
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** With a distributor on another host as well, either may take the push. */
function ofName(node: string): Finding[] {
  const [named, own] = [node, hostname()].map((name) => name.split('.')[0]?.toLowerCase())
  if (named === own || named === 'localhost') return []
  return [
    warning(
      about,
      `${node} has transport local, and this host calls itself ${hostname()}`,
      'run the one distributor on that node, or take another transport',
    ),
  ]
}

const because = (code: ReasonCode, says: string) => problem(about, says, reasons[code].action)
