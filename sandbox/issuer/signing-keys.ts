/** The issuer's two signing keys, both published from the start, as before a rollover. */
import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { JWK } from 'oidc-provider'

/** The first signs until the fault `iam-rollover` is on. */
export const keyIds = ['iam-1', 'iam-2'] as const

export async function makeSigningKeys(): Promise<JWK[]> {
  return Promise.all(
    keyIds.map(async (kid) => {
      const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
      return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' } as JWK
    }),
  )
}
