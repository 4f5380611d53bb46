/** Where ssh would connect to for a node, which its configuration may know better than DNS. */
import { runCommand } from '../../shared/command.ts'
import { commandEnvironment } from '../../shared/config/environment.ts'
import type { Entry } from '../../shared/config/site.ts'
import { sshWords } from './ssh-command.ts'

export interface SshTarget {
  readonly host: string
  readonly port: number
  /** Connections go through another program or host. */
  readonly isProxied: boolean
  /** The name the host key is looked up by. */
  readonly keyName: string
  readonly knownHosts: readonly string[]
  /** A program tells host keys besides. */
  readonly hasOtherKeys: boolean
  /** In the order in which ssh offers them. */
  readonly keyExchanges: readonly string[]
}

/** Reads what `ssh -G` prints. Pure. */
export function readSshTarget(text: string): SshTarget {
  const options = new Map(text.split('\n').map((line) => splitOnce(line)))
  const host = options.get('hostname') ?? ''
  const port = Number(options.get('port') ?? 22)
  const proxy = options.get('proxycommand') ?? options.get('proxyjump') ?? 'none'
  return {
    host,
    port,
    isProxied: proxy !== 'none',
    keyName: options.get('hostkeyalias') ?? (port === 22 ? host : `[${host}]:${port}`),
    knownHosts: (options.get('globalknownhostsfile') ?? '').split(' ').filter(Boolean),
    hasOtherKeys: (options.get('knownhostscommand') ?? 'none') !== 'none',
    keyExchanges: (options.get('kexalgorithms') ?? '').split(',').filter(Boolean),
  }
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf(' ')
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
}

/** How long `ssh -G` may take, and how long its answer counts: the file may be changed (milliseconds). */
const [askMs, keptMs] = [5_000, 5 * 60_000]

/** The target of a node, or undefined where ssh does not say. */
export type SshTargets = (
  entry: Pick<Entry, 'account' | 'sshOptions'>,
  node: string,
) => Promise<SshTarget | undefined>

/** Asks `ssh -G`, and remembers for a while. */
export function openSshTargets(ssh: () => string): SshTargets {
  const known = new Map<
    string,
    { readonly target: Promise<SshTarget | undefined>; readonly untilMs: number }
  >()
  return (entry, node) => {
    const key = JSON.stringify([node, entry.sshOptions])
    const found = known.get(key)
    if (found && found.untilMs > performance.now()) return found.target
    const target = askSsh(ssh(), ['-G', ...sshWords(entry), node])
    known.set(key, { target, untilMs: performance.now() + keptMs })
    // No answer is none to remember.
    void target.then((one) => one === undefined && known.delete(key))
    return target
  }
}

async function askSsh(file: string, args: readonly string[]): Promise<SshTarget | undefined> {
  const outcome = await runCommand({ file, args, env: commandEnvironment(), timeoutMs: askMs })
  return outcome.kind === 'exited' && outcome.exitCode === 0 ? readSshTarget(outcome.stdout) : undefined
}
