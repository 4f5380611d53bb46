/** `deliver`: what a role's nodes get. The vault token, short-lived bearer tokens with fewer rights, or both. */
import { z } from '../../contracts/zod.ts'
import { nearest } from '../read/problem.ts'
import { bearerFieldNames } from '../resolve/template.ts'
import { duration } from './duration.ts'
import { audience, bearerPurpose, quote, tokenScope } from './grammar.ts'
import { templateOver } from './template-text.ts'

/** WLCG's profile lets an access token live six hours at most. */
const longestSeconds = 6 * 60 * 60

const audiences = z.array(audience).default([])

const bearerKeys = z.strictObject({
  scopes: z
    .array(tokenScope)
    .min(1, 'at least one scope: a bearer token carries what is named here and nothing else')
    .describe('What it may be used for, such as `storage.read:/dune`.'),
  audience: audiences.describe('Who may accept it; absent: as the token issuer has it.'),
  audiences: audiences.describe('The same as `audience`.'),
  each: z
    .boolean()
    .default(false)
    .describe('One token and one file for each audience, which `path` then names.'),
  minSeconds: z
    .int()
    .min(60)
    .max(longestSeconds)
    .default(1_800)
    .describe('Made anew when this much of its life is left, or half of it.'),
  purpose: bearerPurpose
    .optional()
    .describe('Its file is `/tmp/bt_u<UID>-<purpose>`; absent: `/tmp/bt_u<UID>`.'),
  path: templateOver(bearerFieldNames, 'a path with fields such as {{.Account}} and {{.AudienceHost}}')
    .optional()
    .describe('Its file, where a consumer wants another one; a template.'),
  newline: z.boolean().default(true).describe('Whether the file ends in a newline.'),
  format: z
    .enum(['jwt', 'json'])
    .default('jwt')
    .describe(
      '`jwt`: the token alone. `json`: a JSON object with `access_token`, `token_type` and `expires_at`.',
    ),
  minimumLifetime: duration
    .refine((ms) => ms <= longestSeconds * 1_000, 'no bearer token lives longer than 6h')
    .optional()
    .describe('Its consumer passes it over with less life left than this.'),
})

const bearer = bearerKeys
  .refine((one) => one.audience.length === 0 || one.audiences.length === 0, {
    error: 'audience and audiences are the same: expected one of them',
  })
  .refine((one) => !one.each || one.audience.length + one.audiences.length > 0, {
    error: 'each makes one token for each audience, and there is none — expected audiences',
  })

/** As the file has it. */
export type ConfiguredBearer = Readonly<z.output<typeof bearer>>

/** A short-lived token for nodes: one token, one file. */
export interface Bearer extends Pick<ConfiguredBearer, 'scopes' | 'audience' | 'minSeconds' | 'purpose'> {
  /** A template over the entry's fields; absent: where WLCG's discovery looks. With `purpose` it tells the entry's bearer tokens apart. */
  readonly path?: string
  readonly newline?: boolean
  readonly format?: 'jwt' | 'json'
  /** Milliseconds. */
  readonly minimumLifetime?: number
}

const item = z.union(
  [
    z.literal('vault'),
    z.strictObject({
      bearer: bearer.describe('A short-lived token with fewer rights: one token, one file.'),
    }),
  ],
  {
    error: ({ input }) => {
      const near = typeof input === 'string' ? nearest(input, ['vault', 'bearer']) : undefined
      const form = 'expected vault, or bearer: with scopes'
      return near === 'vault' ? `did you mean "vault"? (${quote(input)} is not known)` : form
    },
  },
)

export type Delivered = z.output<typeof item>

const bearerOf = (one: Delivered) => (one === 'vault' ? [] : [one.bearer])

const hasNoTwins = (list: readonly Delivered[]) => {
  const files = list
    .flatMap(bearerOf)
    .filter(({ path }) => path === undefined)
    .map(({ purpose }) => purpose?.toLowerCase() ?? '')
  return new Set(files).size === files.length
}

export const deliverList = z
  .array(item)
  .min(1, 'at least one of vault and bearer, or leave the key out')
  .refine(hasNoTwins, 'two bearer tokens have the same file — expected a purpose of its own for each')
