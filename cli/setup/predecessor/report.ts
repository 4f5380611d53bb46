/** `managed-tokens setup --from-predecessor`: what will be served, and what will be otherwise. Changes nothing. */
import { resolve } from 'node:path'
import { matchCounts, readPredecessorCounts } from '../../../services/notifier/failures/predecessor-counts.ts'
import { cleanTexts } from '../../../shared/contracts/one-sentence.ts'
import { readPredecessorUids } from '../../../shared/predecessor/import-uids.ts'
import { type Machine, seeMachine } from '../machine.ts'
import type { Change } from './change.ts'
import { findPredecessor, type Predecessor } from './find.ts'
import { changesOfConfiguration } from './of-configuration.ts'
import { changesOfCron } from './of-cron.ts'
import { changesOfMachine } from './of-machine.ts'

interface Served {
  readonly service: string
  readonly account: string
  readonly uid: number | null
  readonly nodes: readonly string[]
  readonly keytab: string | null
  readonly isKeytabThere: boolean
}

interface Database {
  readonly file: string
  readonly uids: number
  readonly counts: number
  /** Counts of what is not configured any more. */
  readonly unknown: readonly string[]
  /** Why it was not read. */
  readonly problem?: string
}

export interface Report {
  readonly configuration: string
  /** Whether the daemons take it. */
  readonly fine: boolean
  readonly user: string
  readonly served: readonly Served[]
  readonly database: Database
  readonly changes: readonly Change[]
  readonly next: readonly string[]
}

/** Below `root` (default: /) as it is installed there. Returns the exit code: 0 the daemons take its configuration, 1 they refuse it. */
export function reportPredecessor(root: string | true, json: boolean): 0 | 1 {
  const report = cleanTexts(look(root === true ? '' : resolve(root).replace(/\/$/, '')))
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : render(report))
  return report.fine ? 0 : 1
}

/** Reads alone: the machine, and the database below `root`. */
export function look(root: string, machine: Machine = seeMachine(root)): Report {
  const found = findPredecessor(machine)
  const uids = new Map<string, number>()
  const database = readDatabase(found, root, uids)
  return {
    configuration: found.file,
    fine: found.site !== undefined,
    user: found.user,
    served: servedBy(found, uids),
    database,
    changes: [...changesOfConfiguration(found), ...changesOfCron(found), ...changesOfMachine(found)],
    next: nextOf(found, database),
  }
}

const servedBy = ({ site, machine }: Predecessor, uids: ReadonlyMap<string, number>): Served[] =>
  (site?.entries ?? []).map(({ name, account, desiredUid, nodes, keytab }) => ({
    service: name,
    account,
    uid: desiredUid ?? uids.get(account) ?? null,
    nodes,
    keytab: keytab ?? null,
    isKeytabThere: keytab !== undefined && machine.stat(keytab) !== undefined,
  }))

/** Opened to be read alone. */
function readDatabase({ database, site }: Predecessor, root: string, uids: Map<string, number>): Database {
  const none = { file: database, uids: 0, counts: 0, unknown: [] }
  try {
    for (const { username, uid } of readPredecessorUids(root + database)) uids.set(username, uid)
    if (!site) return { ...none, uids: uids.size }
    const { counts, unknown } = matchCounts(readPredecessorCounts(root + database), site)
    return { file: database, uids: uids.size, counts: counts.length, unknown }
  } catch (error) {
    return { ...none, problem: (error as Error).message }
  }
}

function nextOf({ user, cron }: Predecessor, { file, problem }: Database): string[] {
  const running = cron.jobs.some(({ off }) => !off)
  return [
    `here: managed-tokens setup --user ${user}; on a machine of their own: managed-tokens setup`,
    ...(problem ? [] : [`managed-tokens uids import ${file}; managed-tokens counts import ${file}`]),
    `runuser -u ${user} -- managed-tokens doctor; then managed-tokens run --watch --test`,
    ...(running
      ? ['when that is well: comment the predecessor out in cron, and take schedule: {cron: false} out']
      : []),
  ]
}

function render({ configuration, fine, user, served, database, changes, next }: Report): string {
  const nodes = new Set(served.flatMap((one) => one.nodes))
  const known = served.filter(({ uid }) => uid !== null).length
  return `${[
    `The predecessor runs as ${user} with ${configuration}${fine ? '' : ', which the daemons refuse: see below'}.`,
    '',
    `Served will be ${served.length} services on ${nodes.size} nodes:`,
    ...served.map(renderServed),
    '',
    database.problem
      ? `No UIDs are taken over: ${database.problem}.`
      : `${database.file} has ${database.uids} UIDs and ${database.counts} counts of failures to take over; ${known} of ${served.length} services have their UID by that or the configuration.`,
    ...(database.unknown.length > 0
      ? [`Not configured any more, and left out: ${database.unknown.join(', ')}.`]
      : []),
    '',
    `What is otherwise here (${changes.length}):`,
    ...changes.map(
      ({ place, says, next: todo }) => `  ${place}\n    ${says}${todo ? `\n    → ${todo}` : ''}`,
    ),
    '',
    'Next; nothing of the predecessor has been changed:',
    ...next.map((one, index) => `  ${index + 1}. ${one}`),
  ].join('\n')}\n`
}

const renderServed = ({ service, account, uid, nodes, keytab, isKeytabThere }: Served) =>
  `  ${service}: ${account}${uid === null ? '' : ` (UID ${uid})`} on ${nodes.join(', ') || 'no node'}; ${
    keytab ? `${keytab}${isKeytabThere ? '' : ' is not there'}` : 'no keytab'
  }`
