/** What is pushed in a benchmark of pushes: one token for each entry, to each of its nodes; and when which of them landed. */
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { realExperiment, type SiteEntry, serviceName } from '../entry.ts'
import { nodeTmp } from '../layout.ts'
import type { SandboxSite } from '../site.ts'

/** One entry's token on one node. */
export interface Pair {
  readonly entry: SiteEntry
  /** Fully qualified. */
  readonly node: string
  /** Of this measurement alone, so that one that lies there from before is not taken for it. */
  readonly token: string
}

/** Every entry with every node of it, with fresh tokens. */
export function pairsOf({ entries }: Pick<SandboxSite, 'entries'>): Pair[] {
  return entries.flatMap((entry) => {
    const token = `hvs.${randomBytes(60).toString('base64url')}`
    return entry.nodes.map((node) => ({ entry, node, token }))
  })
}

/** The files that a pair ends as, in the order of the predecessor. */
export const tokenFiles = ({ uid, ...entry }: SiteEntry) => [
  `/tmp/vt_u${uid}`,
  `/tmp/vt_u${uid}-${serviceName({ uid, ...entry })}`,
]
export const roleFile = (entry: SiteEntry) => `/tmp/jobsub_default_role_${realExperiment(entry)}_${entry.uid}`

/** When both names of a pair's token held it (milliseconds since the epoch), or undefined while one does not. */
export function landedAt({ layout }: Pick<SandboxSite, 'layout'>, { entry, node, token }: Pair) {
  const files = tokenFiles(entry).map((file) => join(nodeTmp(layout, node), file.slice('/tmp/'.length)))
  if (!files.every((file) => holds(file, token))) return undefined
  // A rename changes the inode, so this is when the name appeared.
  return Math.max(...files.map((file) => statSync(file).ctimeMs))
}

function holds(file: string, token: string): boolean {
  try {
    return readFileSync(file, 'utf8') === `${token}\n`
  } catch {
    return false
  }
}
