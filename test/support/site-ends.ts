/** What tests do with the ends of a pipe: empty them, look at them, count what was done to them, and see that nothing was left behind. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCalls, readMisuse } from '../../sandbox/calls.ts'
import { creddsOf, nodesOf } from '../../sandbox/entry.ts'
import { nodeTmp } from '../../sandbox/layout.ts'
import type { SandboxSite } from '../../sandbox/site.ts'
import { verifySite } from '../../sandbox/verify.ts'

/** Takes every token from nodes and credds, so that finding one there proves that it was brought since. */
export function emptyEnds({ layout, entries }: SandboxSite): void {
  for (const node of nodesOf(entries))
    for (const name of readdirSync(nodeTmp(layout, node)))
      rmSync(join(nodeTmp(layout, node), name), { recursive: true, force: true })
  for (const credd of creddsOf(entries))
    for (const account of readdirSync(join(layout.credds, credd)))
      rmSync(join(layout.credds, credd, account), { recursive: true, force: true })
}

/** `entry kind target` of every target that is not as it should be, of these entries or all. */
export async function findMisplaced(
  { dir }: Pick<SandboxSite, 'dir'>,
  entries?: readonly string[],
): Promise<string[]> {
  const findings = await verifySite({ dir })
  return findings
    .filter(({ entry, problems }) => problems.length > 0 && (!entries || !entry || entries.includes(entry)))
    .map(({ entry, kind, target }) => `${entry ?? 'strays'} ${kind} ${target.split('.')[0]}`)
    .sort()
}

/** A place in the records of a site, to count from. */
export interface Mark {
  readonly calls: number
  readonly logins: Readonly<Record<string, number>>
}

export const markNow = (site: SandboxSite): Mark => ({
  calls: readCalls(site.dir).length,
  logins: readLogins(site),
})

/** How often each target was acted on since the mark: htgettoken by service, storers by service and credd, logins by node and account. */
export function countWork(site: SandboxSite, since: Mark): Record<string, number> {
  const counts: Record<string, number> = {}
  const add = (what: string, times = 1) => {
    if (times > 0) counts[what] = (counts[what] ?? 0) + times
  }
  for (const { program, caller, service, credd } of readCalls(site.dir).slice(since.calls)) {
    if (caller) continue
    if (program === 'htgettoken' && !credd) add(`refresh ${service}`)
    // Without condor_vault_storer, it is htgettoken that is run for a credd.
    else if (program === 'condor_vault_storer' || program === 'htgettoken')
      add(`store ${service} ${credd?.split('.')[0]}`)
  }
  for (const [login, times] of Object.entries(readLogins(site)))
    add(login, times - (since.logins[login] ?? 0))
  return counts
}

/** What sshd itself says: `push <node> <account>` → how many logins it has accepted. */
function readLogins({ layout, entries }: SandboxSite): Record<string, number> {
  const logins: Record<string, number> = {}
  for (const node of nodesOf(entries)) {
    const log = join(layout.logs, `sshd-${node}.log`)
    const text = existsSync(log) ? readFileSync(log, 'utf8') : ''
    for (const [, account] of text.matchAll(/^Accepted gssapi-with-mic for (\S+) /gm)) {
      const what = `push ${node.split('.')[0]} ${account}`
      logins[what] = (logins[what] ?? 0) + 1
    }
  }
  return logins
}

/** Nothing that must never happen has happened. */
export function assertNoMisuse({ dir }: Pick<SandboxSite, 'dir'>): void {
  assert.deepEqual(readMisuse(dir), [])
}

/** How long what was killed may take to be gone on a busy machine (milliseconds). */
const dyingMs = 5_000

/** After a site's end: no process of it, no ticket, no unfinished storer run, no file of a storer in /tmp. */
export async function assertNothingLeft(dir: string): Promise<void> {
  const deadline = Date.now() + dyingMs
  while (findProcesses(dir).length > 0 && Date.now() < deadline) await sleep(50)
  assert.deepEqual(findProcesses(dir), [], 'processes that mention the site')
  for (const daemon of ['refresher', 'storer', 'distributor', 'notifier'])
    assert.equal(existsSync(join(dir, 'state', daemon, 'tickets')), false, `${daemon} leaves no tickets`)
  const runs = join(dir, 'state', 'storer', 'runs')
  assert.deepEqual(existsSync(runs) ? readdirSync(runs) : [], [], 'storer runs that were not tidied up')
  // Before its slash, what makes it a name of its own.
  const ids = new Set(readCalls(dir).flatMap(({ env }) => env.CONDOR_VAULT_STORER_ID?.split('/')[0] ?? []))
  const files = readdirSync('/tmp').filter((name) => [...ids].some((id) => name.includes(id)))
  assert.deepEqual(files, [], 'files of storers in /tmp')
}

/** `pid command` of every live process that has the directory in its arguments or environment. */
export function findProcesses(dir: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return pids.flatMap((pid) => {
    const [cmdline, environ] = ['cmdline', 'environ'].map((file) => readOrEmpty(`/proc/${pid}/${file}`))
    return cmdline?.includes(dir) || environ?.includes(dir)
      ? [`${pid} ${cmdline?.replaceAll('\0', ' ')}`]
      : []
  })
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
