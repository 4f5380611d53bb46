/** Pushes files to a node over one ssh connection: a fixed script and everything secret travel on stdin, nothing in argv. */
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { sshWords, ticketOf } from '../ssh/ssh-command.ts'
import { connectionError } from '../ssh/ssh-failure.ts'
import {
  judgeFiles,
  noRoot,
  ownerIn,
  parseResults,
  placeInput,
  remoteCommand,
  resultsOf,
  unknownUid,
} from './place.ts'
import { type Push, type PushMeans, type PushTarget, withoutContents } from './push.ts'

/** The transport `ssh`. */
export async function pushBySsh(push: Push, means: PushMeans): Promise<string | undefined> {
  const { uid, files } = push
  const said = await runScript(push, means, placeInput(uid, files))
  const outcome = withoutContents(said, files)
  const results = resultsOf(push, outcome.stdout)
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0 || results.size < files.length)
    throw connectionError(push, 'ssh', outcome, means.control?.isOpen)
  return judgeFiles(push, results)
}

/** Asks the script, logged in as the account, whom it runs as. */
export async function askBySsh(target: PushTarget, means: PushMeans): Promise<number> {
  const outcome = await runScript(target, means, placeInput(unknownUid, []))
  const owner = ownerIn(parseResults(outcome.stdout))
  if (owner !== undefined && /^\d{1,10}$/.test(owner)) return noRoot(target, Number(owner))
  throw connectionError(target, 'ssh', outcome, means.control?.isOpen)
}

/** Whatever script, logged in as the account. */
export function runScript(
  { entry, node }: PushTarget,
  means: PushMeans,
  input: string,
): Promise<CommandOutcome> {
  const { control } = means
  return runCommand({
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
    input,
    ...(control ? { cwd: control.directory } : {}),
    timeoutMs: means.timeoutMs,
    signal: means.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.node': node },
  })
}
