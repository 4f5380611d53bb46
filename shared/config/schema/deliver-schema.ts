/** `deliver`: what a role's nodes get. The vault token, short-lived bearer tokens with fewer rights, or both. */
import { z } from '../../contracts/zod.ts'
import { nearest } from '../read/problem.ts'
import { audience, bearerPurpose, quote, tokenScope } from './grammar.ts'

/** WLCG's profile lets an access token live six hours at most. */
const longestSeconds = 6 * 60 * 60

const bearer = z.strictObject({
  scopes: z
    .array(tokenScope)
    .min(1, 'at least one scope: a bearer token carries what is named here and nothing else')
    .describe('What it may be used for, such as `storage.read:/dune`.'),
  audience: z.array(audience).default([]).describe('Who may accept it; absent: as the token issuer has it.'),
  minSeconds: z
    .int()
    .min(60)
    .max(longestSeconds)
    .default(1_800)
    .describe('Made anew when this much of its life is left, or half of it.'),
  purpose: bearerPurpose
    .optional()
    .describe('Its file is `/tmp/bt_u<UID>-<purpose>`; absent: `/tmp/bt_u<UID>`.'),
})

/** A short-lived token for nodes. */
export type Bearer = Readonly<z.output<typeof bearer>>

const item = z.union([z.literal('vault'), z.strictObject({ bearer })], {
  error: ({ input }) => {
    const near = typeof input === 'string' ? nearest(input, ['vault', 'bearer']) : undefined
    const form = 'expected vault, or bearer: with scopes'
    return near === 'vault' ? `did you mean "vault"? (${quote(input)} is not known)` : form
  },
})

export type Delivered = z.output<typeof item>

const bearerOf = (one: Delivered) => (one === 'vault' ? [] : [one.bearer])

/** The vault token where it is named, and every bearer token. Pure. */
export const deliverySorted = (list: readonly Delivered[]) => ({
  vault: list.includes('vault'),
  bearers: list.flatMap(bearerOf),
})

const hasNoTwins = (list: readonly Delivered[]) => {
  const files = list.flatMap(bearerOf).map(({ purpose }) => purpose?.toLowerCase() ?? '')
  return new Set(files).size === files.length
}

export const deliverList = z
  .array(item)
  .min(1, 'at least one of vault and bearer, or leave the key out')
  .refine(hasNoTwins, 'two bearer tokens have the same file — expected a purpose of its own for each')
