/** Makes one short-lived bearer token with htgettoken from the vault token that the entry has: never more rights than asked. */
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bearer } from '../../../shared/config/schema/deliver-schema.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import { encodeToken } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { claimedTime, readClaims } from '../../../shared/tokens/jwt-claims.ts'
import { isTokenWord } from '../../../shared/tokens/token-word.ts'
import { commonArguments } from '../../../shared/vault/htgettoken-arguments.ts'
import {
  type HtgettokenOptions,
  htgettokenError,
  runHtgettoken,
  succeeded,
  type TokenFiles,
  tokenFiles,
} from './htgettoken.ts'

export interface BearerToken {
  /** The value. A secret. */
  readonly token: string
  readonly expiry: Date
}

/**
 * The bearer token that `bearer` describes. Throws Permanent (`bearer-refused`, `bearer-life-refused` …) or Transient
 * (`rate-limited`, `vault-unreachable`, `issuer-unreachable` …).
 */
export async function getBearerToken(
  entry: Entry,
  bearer: Bearer,
  options: HtgettokenOptions,
): Promise<BearerToken> {
  const files = tokenFiles(entry, options)
  const outFile = join(files.home, outFileOf(bearer))
  await rm(outFile, { force: true })
  try {
    const outcome = await runHtgettoken(
      entry,
      bearerArguments(entry, bearer, options, files, outFile),
      options,
    )
    if (!succeeded(outcome))
      throw htgettokenError({ ...entry, vaultServer: options.vaultServer, what: 'bearer token' }, outcome)
    const token = (await readFile(outFile, 'utf8')).trim()
    if (!isTokenWord(token))
      throw failedWith('unexpected', `htgettoken left no bearer token of ${entry.service}.`)
    return { token, expiry: bearerExpiry(token, bearer.minSeconds) }
  } finally {
    await rm(outFile, { force: true })
  }
}

/** Its own, as those of an entry are made side by side. Pure. */
export const outFileOf = ({ purpose = '', path }: Pick<Bearer, 'purpose' | 'path'>): string =>
  [
    `bearer-${encodeToken(purpose)}`,
    ...(path === undefined ? [] : [createHash('sha256').update(path).digest('hex').slice(0, 16)]),
  ].join('.')

/** htgettoken's argument list; scopes or an audience make it ask Vault for an exchanged token. Pure. */
export function bearerArguments(
  entry: Entry,
  { scopes, audience, minSeconds }: Bearer,
  options: Pick<HtgettokenOptions, 'vaultServer' | 'caPath'>,
  files: TokenFiles,
  outFile: string,
): string[] {
  return [
    ...commonArguments(entry, options, files),
    // The kept vault token or none: a login here would be another vault token, which nobody would know of.
    '--nokerberos',
    `--scopes=${scopes.join(',')}`,
    ...(audience.length > 0 ? [`--audience=${audience.join(',')}`] : []),
    `--minsecs=${minSeconds}`,
    `--outfile=${outFile}`,
  ]
}

const claims = z.object({ exp: claimedTime })

/** When a bearer token ends, by its own claim; one that cannot be read lives as long as was asked for. Pure. */
export function bearerExpiry(token: string, minSeconds: number, now = Date.now()): Date {
  const exp = readClaims(token, claims)?.exp
  return new Date(exp === undefined ? now + minSeconds * 1_000 : exp * 1_000)
}
