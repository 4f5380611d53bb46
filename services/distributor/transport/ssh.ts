/** Pushes files to a node over one ssh connection: a fixed script and everything secret travel on stdin, nothing in argv. */
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { sshWords, ticketOf } from '../ssh/ssh-command.ts'
import { connectionError } from '../ssh/ssh-failure.ts'
import { judgeFiles, parseResults, placeInput, remoteCommand, wrongOwner } from './place.ts'
import type { PlacedFile, Push, PushMeans } from './push.ts'

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
  const results = parseResults(outcome.stdout)
  const owner = results.get(0)?.split(' ')[1]
  if (owner !== undefined && owner !== String(uid)) throw wrongOwner(push, owner)
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0 || results.size < files.length)
    throw connectionError(push, 'ssh', outcome, control?.isOpen)
  return judgeFiles(push, results)
}

/** A login shell that echoes what it reads would have the token in the last line, which people are shown. Pure. */
export function withoutContents(outcome: CommandOutcome, files: readonly PlacedFile[]): CommandOutcome {
  const secrets = files.filter(({ mode }) => mode === '400').map(({ content }) => content)
  const hide = (text: string) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text)
  return { ...outcome, stdout: hide(outcome.stdout), stderr: hide(outcome.stderr) }
}
