/** Token issuers that the refresher asks itself (OpenID providers such as INDIGO IAM), and which of them a role’s tokens come from. */

import { z } from '../../contracts/zod.ts'
import { absolutePath, filePath, issuerName, issuerUrl, label } from '../schema/grammar.ts'

const issuer = z
  .strictObject({
    url: issuerUrl.describe('Its URL, as it stands in the claim `iss` of its tokens.'),
    clientId: label.describe('This system’s client there.'),
    clientSecretFile: filePath
      .optional()
      .describe(
        'File with the client’s secret, for the refresher’s user only (mode 0600). Read for each question.',
      ),
    clientKeyFile: filePath
      .optional()
      .describe(
        'File with the client’s private key as PEM or JWK (`private_key_jwt`), in place of a secret.',
      ),
    caPath: absolutePath
      .optional()
      .describe(
        'Authorities beside the system’s: a directory in the grid’s place, or a file. Default: X509_CERT_DIR.',
      ),
  })
  .refine(
    ({ clientSecretFile, clientKeyFile }) => clientSecretFile === undefined || clientKeyFile === undefined,
    'clientSecretFile and clientKeyFile exclude each other: expected one of them, or none for a public client',
  )

/** `issuers`: by a name that roles refer to. */
export const issuersSection = z.record(issuerName, issuer)
export type IssuerConfig = Readonly<z.output<typeof issuer>>

/** `oidc` of a role with `tokenGetterOverride: oidc`. */
export const oidcSection = z.strictObject({
  issuer: issuerName.describe('The name of one of `issuers`.'),
  grant: z
    .enum(['client_credentials', 'refresh_token', 'token_exchange'])
    .describe(
      '`client_credentials`: the client’s own tokens. `refresh_token`: of a person’s login (`managed-tokens onboard`). `token_exchange`: the client’s own token traded for each.',
    ),
})
export type OidcSource = Readonly<z.output<typeof oidcSection>>
