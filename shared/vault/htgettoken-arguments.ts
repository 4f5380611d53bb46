/** What refresher and storer say alike to htgettoken: unattended, whose token, from where. Pure. */
import { join } from 'node:path'
import { authorityOption } from './authority-option.ts'

/** Whose token it is to be. */
export interface TokenOwner {
  /** The experiment as the token issuer knows it. */
  readonly realExperiment: string
  readonly role: string | undefined
  readonly credkey: string
}

/** Where htgettoken reads and writes. */
export interface TokenPlaces {
  /** A private directory. */
  readonly home: string
  /** The vault token of an earlier call; need not be there. */
  readonly kept: string
  /** Where a new one is written: a file, or a device. */
  readonly fresh: string
}

/** Everything from the configuration is the value of an option, so that none can become one. */
export const commonArguments = (
  { realExperiment, role, credkey }: TokenOwner,
  { vaultServer, caPath }: { readonly vaultServer: string; readonly caPath?: string | undefined },
  { home, kept, fresh }: TokenPlaces,
): string[] => [
  '-v',
  '--nooidc',
  '--nossh',
  `--vaultserver=${vaultServer}`,
  `--issuer=${realExperiment}`,
  ...(role ? [`--role=${role}`] : []),
  `--credkey=${credkey}`,
  `--vaulttokeninfile=${kept}`,
  `--vaulttokenfile=${fresh}`,
  `--configdir=${join(home, 'config')}`,
  ...authorityOption(caPath),
]
