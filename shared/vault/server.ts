/** Which Vault server an entry uses, in the predecessor's order. */
import { runCommand } from '../commands/command.ts'
import { commandEnvironment, environment } from '../config/environment.ts'
import { vaultServer } from '../config/schema/grammar.ts'
import { failedWith } from '../contracts/errors.ts'

export interface VaultServerOptions {
  readonly condorConfigVal: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Asks once for all entries. */
  readonly once?: <T>(question: readonly unknown[], ask: () => Promise<T>) => Promise<T>
}

/** HTCondor's variable, else our configuration, else HTCondor's configuration. Throws Permanent `no-vault-server`. */
export async function findVaultServer(
  entry: { readonly name: string; readonly vaultServer?: string | undefined },
  options: VaultServerOptions,
): Promise<string> {
  const name = 'SEC_CREDENTIAL_GETTOKEN_OPTS'
  const once = options.once ?? ((_question, ask) => ask())
  const found =
    serverOption(environment.condor._condor_SEC_CREDENTIAL_GETTOKEN_OPTS) ??
    entry.vaultServer ??
    serverOption(await once(['condor_config_val', name], () => configValue(name, options)))
  if (found) return found
  throw failedWith('no-vault-server', `No Vault server is configured for ${entry.name}.`)
}

async function configValue(name: string, options: VaultServerOptions): Promise<string> {
  const outcome = await runCommand({
    file: options.condorConfigVal,
    name: 'condor_config_val',
    args: [name],
    env: { ...commandEnvironment(), ...environment.condor },
    timeoutMs: options.timeoutMs,
    signal: options.signal,
  })
  if (outcome.kind === 'timeout' || outcome.kind === 'killed')
    throw failedWith('timeout', `condor_config_val did not say ${name} in time.`)
  return outcome.kind === 'exited' && outcome.exitCode === 0 ? outcome.stdout : ''
}

/** The value of `-a` or `--vaultserver` in htgettoken's options, where a server is asked over TLS that has such a name. Pure. */
export function serverOption(options: string | undefined): string | undefined {
  const [, server] = /(?:^|\s)(?:-a\s*|--vaultserver[=\s]\s*)(\S+)/.exec(options ?? '') ?? []
  return vaultServer.safeParse(server).data
}
