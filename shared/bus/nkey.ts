/** NATS keys by NATS' own library, and only those of the kind that is asked for. */
import { type Authenticator, nkeyAuthenticator } from '@nats-io/nats-core'
import { fromSeed, type KeyPair, Prefix } from '@nats-io/nkeys'

/** The key pair of a seed. Throws when it is none of this kind. */
function readSeed(seed: Uint8Array, kind: Prefix): KeyPair {
  const pair = fromSeed(seed)
  // `SU…` of a user, `SX…` of a curve: the second letter is the kind, in base 32.
  if (seed[1] !== 65 + (kind >> 3)) throw new Error('the seed is one of another kind')
  return pair
}

/** The public half of a seed. Throws when it is no seed of this kind. */
export const publicKeyOf = (seed: Uint8Array, kind: Prefix): string => readSeed(seed, kind).getPublicKey()

/** Logs in by signing what the server asks to be signed. Throws when `seed` is no user's. */
export function nkeyLogin(seed: Uint8Array): Authenticator {
  readSeed(seed, Prefix.User)
  return nkeyAuthenticator(seed)
}
