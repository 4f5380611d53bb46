/** Pushes files to a node over one ssh connection: a fixed script and everything secret travel on stdin, nothing in argv. */
import { runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { sshWords, ticketOf } from '../ssh/ssh-command.ts'
import { connectionError } from '../ssh/ssh-failure.ts'
import { judgeFiles, placeInput, remoteCommand, resultsOf } from './place.ts'
import { type Push, type PushMeans, withoutContents } from './push.ts'

/** The transport `ssh`. */
export async function pushBySsh(push: Push, means: PushMeans): Promise<string | undefined> {
  const { entry, node, uid, files } = push
  const { control } = means
  const said = await runCommand({
    // An ssh whose daemon was killed would push beside its successor's: the kernel ends it with the daemon.
    file: 'setpriv',
    name: 'ssh',
    args: [
      '--pdeathsig',
      'KILL',
      '--',
      means.ssh,
      ...sshWords(entry, means),
      node,
      remoteCommand(means.timeoutMs),
    ],
    env: { ...commandEnvironment(), ...ticketOf(means) },
    input: placeInput(uid, files),
    ...(control ? { cwd: control.directory } : {}),
    timeoutMs: means.timeoutMs,
    signal: means.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.node': node },
  })
  const outcome = withoutContents(said, files)
  const results = resultsOf(push, outcome.stdout)
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0 || results.size < files.length)
    throw connectionError(push, 'ssh', outcome, control?.isOpen)
  return judgeFiles(push, results)
}
