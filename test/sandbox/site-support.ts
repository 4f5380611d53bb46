/** A site in a temporary directory, a shell that talks to it as a daemon would, and what it may have left behind. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SandboxSite } from '../../sandbox/site.ts'

export const makeTemporaryDirectory = () => mkdtempSync(join(tmpdir(), 'sandbox-'))

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program with what a daemon's environment holds for this site, and a ticket cache of its own. */
export function runIn(site: SandboxSite, cache: string, command: string, ...args: string[]): Outcome {
  const env = { PATH: '/usr/bin:/bin', ...site.env, KRB5CCNAME: `FILE:${join(site.layout.state, cache)}` }
  return spawnSync(command, args, { env, encoding: 'utf8', timeout: 60_000 })
}

export const kinit = (site: SandboxSite, account: string) =>
  runIn(
    site,
    `${account}.cc`,
    'kinit',
    ...['-k', '-t', join(site.layout.keytabs, `${account}.keytab`), `${account}/managedtokens/sandbox.test`],
  )

/** With `ticketOf`'s ticket, as `account` on the node. */
export const ssh = (site: SandboxSite, ticketOf: string, account: string, node: string, command: string) =>
  runIn(
    site,
    `${ticketOf}.cc`,
    'ssh',
    ...['-F', '/etc/ssh/ssh_config', '-F', site.layout.sshConfig, '-o', 'BatchMode=yes', '-l', account],
    ...[node, command],
  )

/** Live processes that have the directory in their arguments, environment or mounts. */
export function processesOf(dir: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return pids.filter((pid) => ['cmdline', 'environ', 'mountinfo'].some((file) => mentions(pid, file, dir)))
}

function mentions(pid: string, file: string, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text)
  } catch {
    // Gone meanwhile, or a zombie.
    return false
  }
}
