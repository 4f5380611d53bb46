/** An experiment and its roles, with the `…Override` keys that let one role differ from the rest of the file. */
import { z } from '../../contracts/zod.ts'
import { oidcSection } from '../sections/issuers.ts'
import { deliverList } from './deliver-schema.ts'
import { tokenLifetime } from './duration.ts'
import {
  accountName,
  classAdConstraint,
  collectorHost,
  commandWords,
  creddName,
  credkey,
  emailAddresses,
  hostName,
  isWebUrl,
  realExperimentName,
  roleName,
  vaultServer,
} from './grammar.ts'
import { templateText } from './template-text.ts'

export const noCredd = 'at least one credd; for none, leave the key out and set tokenGetterOverride: getToken'

export const roleSection = z.object({
  account: accountName.describe('Owner of the files on the nodes; also names the keytab.'),
  destinationNodes: z.array(hostName).default([]).describe('Where the vault token is pushed.'),
  deliver: deliverList
    .default(['vault'])
    .describe('What is pushed: `vault` (the vault token), `bearer:` (a bearer token), or both.'),
  keytabPathOverride: templateText.optional().describe('The keytab file itself.'),
  userPrincipalOverride: templateText.optional().describe('The principal itself.'),
  kerberosPrincipalPatternOverride: templateText.optional().describe('As `kerberosPrincipalPattern`.'),
  credkeyOverride: credkey
    .optional()
    .describe('`--credkey` for htgettoken; absent: the principal without its realm.'),
  desiredUIDOverride: z
    .int()
    .min(1)
    .max(4294967294)
    .optional()
    .describe('UID on the nodes; absent: FERRY tells it, or each node where there is none.'),
  condorCreddHostOverride: z.array(creddName).min(1, noCredd).optional().describe('As `condorCreddHost`.'),
  condorCollectorHostOverride: z.array(collectorHost).optional().describe('As `condorCollectorHost`.'),
  condorScheddConstraintOverride: classAdConstraint.optional().describe('As `condorScheddConstraint`.'),
  vaultServerOverride: vaultServer.optional().describe('As `vaultServer`.'),
  serviceCreddVaultTokenPathRootOverride: templateText
    .optional()
    .describe('As `serviceCreddVaultTokenPathRoot`.'),
  defaultRoleFileDestinationTemplateOverride: templateText
    .optional()
    .describe('As `defaultRoleFileDestinationTemplate`.'),
  tokenGetterOverride: z
    .enum(['storeAndGetToken', 'getToken', 'oidc'])
    .optional()
    .describe(
      '`getToken`: plain htgettoken, no credd. `oidc`: the token issuer of `oidc` itself, no Kerberos, Vault or credd. Default: `storeAndGetToken`.',
    ),
  oidc: oidcSection
    .optional()
    .describe('With `tokenGetterOverride: oidc`: which issuer, and how it is asked.'),
  storerMethodOverride: z.enum(['script', 'direct']).optional().describe('As `storer.method`.'),
  minTokenLifetimeOverride: tokenLifetime.optional().describe('As `minTokenLifetime`.'),
  sshOptionsOverride: commandWords.optional().describe('As `sshOptions`.'),
  identityFileOverride: templateText.optional().describe('As `distributor.identityFile`.'),
  transportOverride: z.enum(['ssh', 'rsync', 'local']).optional().describe('As `distributor.transport`.'),
  tokenDirectoryOverride: templateText.optional().describe('As `distributor.tokenDirectory`.'),
  fileCopierOptionsOverride: commandWords.optional().describe('As `fileCopierOptions`.'),
  pingOptionsOverride: commandWords.optional().describe('Accepted, unused.'),
  disableNotificationsOverride: z
    .boolean()
    .optional()
    .describe('As `disableNotifications`; wins in both directions.'),
})
export type RoleSection = z.output<typeof roleSection>

export const experimentSection = z.object({
  emails: emailAddresses.default([]).describe('Stakeholders: who hears that a node did not get its token.'),
  slack: z
    .string()
    // Whoever has this URL may post: it is never quoted.
    .refine(isWebUrl, 'the Slack URL is not an http or https URL')
    .optional()
    .describe('Slack webhook that hears what `emails` hear. A secret.'),
  experimentOverride: realExperimentName.optional().describe('The experiment as the token issuer knows it.'),
  roles: z.record(roleName, roleSection).default({}).describe('Its roles.'),
})
export type ExperimentSection = z.output<typeof experimentSection>
