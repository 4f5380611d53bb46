/** An account of the distributor's own host, as its name service knows it. */
import { runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { nodeError } from '../ssh/ssh-failure.ts'
import type { PushMeans, PushTarget } from './push.ts'

export interface LocalAccount {
  readonly uid: number
  /** Of its primary group. */
  readonly gid: number
}

/** Asks `id`. Throws Transient `account-unknown`. */
export async function localAccount(
  of: PushTarget,
  { timeoutMs, signal }: Pick<PushMeans, 'timeoutMs' | 'signal'>,
): Promise<LocalAccount> {
  const { account } = of.entry
  const outcome = await runCommand({
    file: 'id',
    args: ['--', account],
    env: commandEnvironment(),
    timeoutMs,
    signal,
  })
  const found = readId(outcome.stdout)
  if (outcome.kind === 'exited' && outcome.exitCode === 0 && found) return found
  if (outcome.kind !== 'exited')
    throw nodeError(of, 'push-failed', `id does not say who ${account} is (${outcome.kind})`)
  throw nodeError(of, 'account-unknown', `this host knows no account ${account}`)
}

/** What `id` prints: `uid=51101(cmsprod) gid=51100(cms) groups=…`. Pure. */
export function readId(stdout: string): LocalAccount | undefined {
  const [, uid, gid] = /^uid=(\d{1,10})(?:\([^)]*\))? gid=(\d{1,10})\b/.exec(stdout) ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}
