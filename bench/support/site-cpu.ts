/**
 * CPU time of a site, both ends: what every live process of it has used, and what those used that it has waited for. Summed
 * that way nothing counts twice, and nothing is lost as long as the dead had a parent inside: each node's sshd is the init
 * of a process namespace. Of this process, which holds the stand-ins of servers, only the commands it has run count.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SandboxSite } from '../../sandbox/site.ts'

/** The kernel's USER_HZ, in which /proc counts: a process's counters are cut by less than a tick when they are read. */
const ticksPerSecond = 100
/** Many times what it takes to end a session (milliseconds). */
const patienceMs = 30_000

interface Process {
  readonly pid: number
  readonly parent: number
  readonly ownTicks: number
  readonly waitedForTicks: number
}

/** So far (milliseconds): the daemon, its commands, the bus, the KDC, and the sshds with all their sessions. */
export function readCpuMs({ dir }: Pick<SandboxSite, 'dir'>): number {
  const processes = readProcesses()
  const roots = processes.filter(({ pid }) => mentions(pid, dir))
  const ofSite = withDescendants(
    roots.filter(({ pid }) => pid !== process.pid),
    processes,
  )
  const self = processes.find(({ pid }) => pid === process.pid)
  const ticks = [...ofSite].reduce((sum, { ownTicks, waitedForTicks }) => sum + ownTicks + waitedForTicks, 0)
  return ((ticks + (self?.waitedForTicks ?? 0)) * 1_000) / ticksPerSecond
}

/** Ends when no sshd has a session any more: what a session used is its parent's from then on. */
export async function untilSessionsEnd({ layout }: Pick<SandboxSite, 'layout'>): Promise<void> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const processes = readProcesses()
    const childrenOf = (parents: readonly Process[]) =>
      processes.filter(({ parent }) => parents.some(({ pid }) => pid === parent))
    const holders = processes.filter(({ pid }) => read(`/proc/${pid}/cmdline`).includes(layout.nodes))
    if (childrenOf(childrenOf(holders)).length === 0) return
    if (Date.now() > deadline) throw new Error(`sessions did not end within ${patienceMs / 1_000} s`)
    await sleep(20)
  }
}

function withDescendants(roots: readonly Process[], processes: readonly Process[]): Set<Process> {
  const found = new Set(roots)
  for (const one of found)
    for (const child of processes) if (child.parent === one.pid && child.pid !== process.pid) found.add(child)
  return found
}

const readProcesses = (): Process[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readStat(Number(pid)))

/** proc(5), `stat`: the fields behind the name, which may hold anything. Nothing for one that is gone. */
function readStat(pid: number): Process[] {
  const stat = read(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 16) return []
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number)
  return [
    {
      pid,
      parent: Number(fields[1]),
      ownTicks: user + system,
      waitedForTicks: childrenUser + childrenSystem,
    },
  ]
}

/** An ssh that keeps a connection has overwritten its words and its environment with a title; where it runs still tells. */
const mentions = (pid: number, dir: string) =>
  ['cmdline', 'environ'].some((file) => read(`/proc/${pid}/${file}`).includes(dir)) ||
  workingDirectory(pid).startsWith(dir)

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
