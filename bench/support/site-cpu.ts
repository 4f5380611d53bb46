/**
 * CPU time of a site, both ends: what every live process of it has used, and what those used that it has waited for. Summed
 * that way nothing counts twice, and nothing is lost as long as the dead had a parent inside: each node's sshd is the init
 * of a process namespace. Of this process, which holds the stand-ins of servers, only the commands it has run count.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxSite } from '../../sandbox/site.ts'
import { type ProcessStat, readProc, readStat } from './process-facts.ts'

/** Many times what it takes to end a session (milliseconds). */
const patienceMs = 30_000

/** So far (milliseconds): the daemon, its commands, the bus, the KDC, and the sshds with all their sessions. */
export function readCpuMs({ dir }: Pick<SandboxSite, 'dir'>): number {
  const processes = readProcesses()
  const roots = processes.filter(({ pid }) => mentions(pid, dir))
  const ofSite = withDescendants(
    roots.filter(({ pid }) => pid !== process.pid),
    processes,
  )
  const self = processes.find(({ pid }) => pid === process.pid)
  const ofSiteMs = [...ofSite].reduce((sum, { ownMs, waitedForMs }) => sum + ownMs + waitedForMs, 0)
  return ofSiteMs + (self?.waitedForMs ?? 0)
}

/** Ends when no sshd has a session any more: what a session used is its parent's from then on. */
export async function untilSessionsEnd({ layout }: Pick<SandboxSite, 'layout'>): Promise<void> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const processes = readProcesses()
    const childrenOf = (parents: readonly ProcessStat[]) =>
      processes.filter(({ parent }) => parents.some(({ pid }) => pid === parent))
    const holders = processes.filter(({ pid }) => readProc(pid, 'cmdline').includes(layout.nodes))
    if (childrenOf(childrenOf(holders)).length === 0) return
    if (Date.now() > deadline) throw new Error(`sessions did not end within ${patienceMs / 1_000} s`)
    await sleep(20)
  }
}

function withDescendants(roots: readonly ProcessStat[], processes: readonly ProcessStat[]): Set<ProcessStat> {
  const found = new Set(roots)
  for (const one of found)
    for (const child of processes) if (child.parent === one.pid && child.pid !== process.pid) found.add(child)
  return found
}

const readProcesses = (): ProcessStat[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readStat(Number(pid)) ?? [])

/** An ssh that keeps a connection has overwritten its words and its environment with a title; where it runs still tells. */
const mentions = (pid: number, dir: string) =>
  ['cmdline', 'environ'].some((file) => readProc(pid, file).includes(dir)) ||
  workingDirectory(pid).startsWith(dir)

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}
