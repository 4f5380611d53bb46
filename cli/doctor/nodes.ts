/** Each node: is its host key known to the distributor's ssh, and does somebody listen where that would connect? */
import { sshWords } from '../../services/distributor/ssh-command.ts'
import { readSshTarget, type SshTarget } from '../../services/distributor/ssh-target.ts'
import { runCommand } from '../../shared/command.ts'
import { commandEnvironment, environment } from '../../shared/config/environment.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { describeNetworkError } from '../../shared/http-error.ts'
import { lastLine } from '../../shared/outcome-text.ts'
import { reasons } from '../../shared/reasons.ts'
import { type Check, type Finding, ok, problem } from './check.ts'
import { openTcp } from './network.ts'

const commandMs = 5_000

/** A check for each node, with the options of an entry that goes there. */
export function checkNodes(site: Site): Check[] {
  const entryOf = new Map(site.entries.flatMap((entry) => entry.nodes.map((node) => [node, entry] as const)))
  return [...entryOf].map(([node, entry]) => ({
    about: 'node',
    deadlineMs: 3 * commandMs + site.timeouts.pingMs,
    look: (signal) => lookAtNode(node, entry, site, signal),
  }))
}

async function lookAtNode(node: string, entry: Entry, site: Site, signal: AbortSignal): Promise<Finding[]> {
  const outcome = await run(site.distributor.ssh, ['-G', ...sshWords(entry), node], signal)
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0)
    return [
      problem('node', `${node}: ${lastLine(outcome.stderr) || `ssh ${outcome.kind}`}`, 'check sshOptions'),
    ]
  const target = readSshTarget(outcome.stdout)
  const [reach, key] = await Promise.all([
    lookAtPort(node, target, site.timeouts.pingMs, signal),
    lookAtHostKey(node, target, signal),
  ])
  const found = [reach, key].flatMap((one) => one ?? [])
  return found.length > 0 ? found : [ok('node', `${node} listens, and its host key is known`)]
}

async function lookAtPort(
  node: string,
  { host, port, isProxied }: SshTarget,
  pingMs: number,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  if (isProxied) return undefined
  try {
    await openTcp(host, port, AbortSignal.any([signal, AbortSignal.timeout(pingMs)]))
    return undefined
  } catch (error) {
    const where = host === node ? `port ${port}` : `${host} port ${port}`
    return problem(
      'node',
      `${node} (${where}): ${describeNetworkError(error)}`,
      reasons['node-unreachable'].action,
    )
  }
}

async function lookAtHostKey(
  node: string,
  { keyName, knownHosts }: SshTarget,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  for (const file of knownHosts) {
    const outcome = await run('ssh-keygen', ['-F', keyName, '-f', file], signal)
    if (outcome.kind === 'exited' && outcome.exitCode === 0 && outcome.stdout.trim() !== '') return undefined
  }
  const says = `the host key of ${node} is not in ${knownHosts.join(' or ') || 'any file'}`
  const own = `${environment.HOME}/.ssh/known_hosts`
  const isInOwn = (await run('ssh-keygen', ['-F', keyName, '-f', own], signal)).stdout.trim() !== ''
  const hint = isInOwn ? ` ${own} has it, which the daemons do not read: copy it from there.` : ''
  return problem('node', says, `${reasons['host-key-unknown'].action}${hint}`)
}

const run = (file: string, args: readonly string[], signal: AbortSignal) =>
  runCommand({ file, args, env: commandEnvironment(), timeoutMs: commandMs, signal })
