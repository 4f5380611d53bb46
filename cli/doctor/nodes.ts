/** Each node, by the distributor's own ssh with its options, but with no way to log in: as far as the host key and no further. */
import { sshWords } from '../../services/distributor/ssh/ssh-command.ts'
import { reasonOfSsh } from '../../services/distributor/ssh/ssh-failure.ts'
import { readSshTarget } from '../../services/distributor/ssh/ssh-target.ts'
import { type CommandOutcome, runCommand } from '../../shared/commands/command.ts'
import { commandEnvironment, environment } from '../../shared/config/environment.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { lastLine } from '../../shared/contracts/one-sentence.ts'
import { type ReasonCode, reasons } from '../../shared/contracts/reasons.ts'
import { type Check, type Finding, ok, problem } from './check.ts'

const commandMs = 5_000

/** A check for each node that is logged in to, with the options of an entry that goes there. */
export function checkNodes(site: Site): Check[] {
  const entries = site.entries.filter(({ transport }) => transport !== 'local')
  const entryOf = new Map(entries.flatMap((entry) => entry.nodes.map((node) => [node, entry] as const)))
  return [...entryOf].map(([node, entry]) => ({
    about: 'node',
    deadlineMs: 3 * commandMs + 2 * site.timeouts.pingMs,
    look: (signal) => lookAtNode(node, entry, site, signal),
  }))
}

async function lookAtNode(node: string, entry: Entry, site: Site, signal: AbortSignal): Promise<Finding[]> {
  const { ssh } = site.distributor
  const { pingMs } = site.timeouts
  const words = [
    ...['-o', 'PreferredAuthentications=none'],
    ...[...sshWords(entry, { connectMs: pingMs }), node, 'true'],
  ]
  const run = (args: readonly string[], most: number) =>
    runCommand({ file: ssh, args, env: commandEnvironment(), timeoutMs: most, signal })
  const code = reasonOf(await run(words, 2 * pingMs + commandMs))
  if (code === undefined) return [ok('node', `${node} listens, and its host key is known`)]
  if (typeof code === 'object') return [problem('node', `${node}: ${code.said}`, 'check sshOptions')]
  if (code !== 'host-key-unknown')
    return [problem('node', `${node}: ${reasons[code].means}`, reasons[code].action)]
  return [
    await describeUnknownKey(node, (await run(['-G', ...sshWords(entry), node], commandMs)).stdout, signal),
  ]
}

/** Where the key was looked for; the account's own file may have it, which people believe to count. */
async function describeUnknownKey(node: string, options: string, signal: AbortSignal): Promise<Finding> {
  const { keyName, knownHosts, hasOtherKeys } = readSshTarget(options)
  const files = knownHosts.join(' or ') || 'any file'
  const says = `the host key of ${node} is not in ${files}${hasOtherKeys ? ', nor told by KnownHostsCommand' : ''}`
  const own = `${environment.HOME}/.ssh/known_hosts`
  const found = await runCommand({
    file: 'ssh-keygen',
    args: ['-F', keyName, '-f', own],
    env: commandEnvironment(),
    timeoutMs: commandMs,
    signal,
  })
  const isInOwn = found.kind === 'exited' && found.stdout.trim() !== ''
  const hint = isInOwn ? ` ${own} has it, which the daemons do not read: copy it from there.` : ''
  return problem('node', says, `${reasons['host-key-unknown'].action}${hint}`)
}

/** Undefined where all is well: sshd was there, showed a key that is known, and asked for a login. Pure. */
function reasonOf(outcome: CommandOutcome): ReasonCode | { readonly said: string } | undefined {
  if (outcome.kind === 'exited' && outcome.exitCode === 0) return undefined
  const code = reasonOfSsh(outcome)
  if (code === 'kerberos-refused') return undefined
  if (code !== 'push-failed') return code
  return {
    said: outcome.kind === 'exited' ? lastLine(outcome.stderr) || 'ssh failed' : `ssh ${outcome.kind}`,
  }
}
