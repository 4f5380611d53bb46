/** Where private files lie: paths under the state directory, and making them so that only their daemon can read them. */
import { chmod, mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { NatsUser } from '../bus/permissions.ts'
import type { Environment } from '../config/environment.ts'
import type { Daemon } from '../contracts/subjects.ts'

/** Where state is when nobody says otherwise. */
export const defaultStateRoot = '/var/lib/managed-tokens'

/** The state directory's root, absolute: the `--state` option, else `MANAGED_TOKENS_STATE`, else {@link defaultStateRoot}. */
export function stateRootOf(
  option: string | undefined,
  env: Pick<Environment, 'MANAGED_TOKENS_STATE'>,
): string {
  return resolve(option ?? env.MANAGED_TOKENS_STATE ?? defaultStateRoot)
}

/** A user's own directory, mode 0700. */
export const stateDirectory = (root: string, user: NatsUser) => join(root, user)

/** The user's nkey seed, mode 0600. */
export const seedFile = (root: string, user: NatsUser) => join(root, user, 'nats.nk')

/** `export NATS_URL=… NATS_NKEY=…` and what else the daemons found in their environment, for a shell that runs `nats` or ours. */
export const operatorEnvFile = (root: string) => join(root, 'operator', 'env')

/** The public key that tokens are sealed to; readable by all. */
export const sealingPublicKeyFile = (root: string) => join(root, 'sealing.pub')

/** The secret curve seed that opens sealed tokens, mode 0600. */
export const sealingSeedFile = (root: string) => join(root, 'distributor', 'sealing.seed')

/** The secret seed that the refresher signs with, mode 0600. */
export const signingSeedFile = (root: string) => join(root, 'refresher', 'signing.seed')

/** The public keys of those whose tokens are pushed, one a line; readable by all. */
export const trustedSignersFile = (root: string) => join(root, 'signing.pub')

/** Files of the private nats-server. */
export function natsFiles(root: string) {
  const directory = join(root, 'nats')
  return {
    directory,
    conf: join(directory, 'server.conf'),
    /** Held by the running server. */
    lock: join(directory, 'lock'),
    store: join(directory, 'jetstream'),
    log: join(directory, 'nats-server.log'),
    /** The running (or last) server's `nats://host:port`. */
    url: join(directory, 'url'),
  }
}

/** Makes the daemon's directory when it is missing, tightens its mode to 0700, and returns its path. */
export function ensureDaemonState(root: string, daemon: Daemon): Promise<string> {
  return ensurePrivateDirectory(stateDirectory(root, daemon))
}

/** Makes a directory that only its owner can enter. Throws when that cannot be. */
export async function ensurePrivateDirectory(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
  return directory
}
