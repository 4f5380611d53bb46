/** Puts files on the distributor's own host, for a consumer beside it: by the script that runs on every node, as the account itself. */
import { type CommandOutcome, runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { lastLine } from '../../../shared/contracts/one-sentence.ts'
import { nodeError } from '../ssh/ssh-failure.ts'
import { type LocalAccount, localAccount } from './local-account.ts'
import { judgeFiles, noRoot, placeInput, readsScript, resultsOf, wrongOwner } from './place.ts'
import { type Push, type PushMeans, type PushTarget, withoutContents } from './push.ts'

/** The transport `local`. */
export async function pushLocally(push: Push, means: PushMeans): Promise<string | undefined> {
  const { uid, files } = push
  const said = await runHere(push, means, placeInput(uid, files))
  const outcome = withoutContents(said, files)
  const results = resultsOf(push, outcome.stdout)
  if (outcome.kind !== 'exited' || outcome.exitCode !== 0 || results.size < files.length)
    throw localError(push, outcome)
  return judgeFiles(push, results)
}

/** Whatever script, as the account. Throws Permanent where that is somebody else here, or nobody whom this process may become. */
export async function runHere(push: Push, means: PushMeans, input: string): Promise<CommandOutcome> {
  const { entry, node, uid } = push
  const account = await localAccount(push, means)
  if (account.uid !== uid) throw wrongOwner(push, String(account.uid))
  return runCommand({
    // Told by the kernel when the daemon is killed, the script takes away what it has begun.
    file: 'setpriv',
    name: 'place',
    args: ['--pdeathsig', 'TERM', ...becoming(push, account), '--', '/bin/sh', '-c', readsScript],
    // Whoever it runs as can read this: a proxy's password is none of that.
    env: pathAlone(),
    input,
    cwd: '/',
    timeoutMs: means.timeoutMs,
    signal: means.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.node': node },
  })
}

/** Asks this host who the account is. */
export const askLocally = async (target: PushTarget, means: PushMeans): Promise<number> =>
  noRoot(target, (await localAccount(target, means)).uid)

const pathAlone = () => {
  const { PATH = '' } = commandEnvironment()
  return { PATH }
}

/** setpriv's words; none where this process is the account already. Throws Permanent `account-not-ours`. */
function becoming(push: Push, { uid, gid }: LocalAccount): string[] {
  const ours = process.getuid?.()
  if (ours === uid) return []
  if (ours === 0) return [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups']
  const { account } = push.entry
  throw nodeError(
    push,
    'account-not-ours',
    `the distributor runs as UID ${ours} and cannot write as ${account} (${uid})`,
  )
}

export function localError(push: Push, outcome: CommandOutcome): Error {
  switch (outcome.kind) {
    case 'timeout':
      return nodeError(push, 'push-timeout', 'the disk of this host did not take the files in time')
    case 'missing':
      return nodeError(push, 'push-failed', `setpriv ${outcome.reason}`)
    case 'killed':
      return nodeError(push, 'push-failed', 'the placing script was ended')
    case 'exited': {
      const said = lastLine(outcome.stderr) || `it ended with code ${outcome.exitCode}`
      return nodeError(push, 'push-failed', `the placing script failed: ${said}`)
    }
  }
}
