/** The file's format: every key of the predecessor's `managedTokens.yml`, and our own sections. */

import { z } from '../../contracts/zod.ts'
import {
  natsSection,
  scheduleSection,
  sealingSection,
  telemetrySection,
  vaultSection,
} from '../sections/common.ts'
import { distributorSection } from '../sections/distributor.ts'
import { issuersSection } from '../sections/issuers.ts'
import { notifierSection } from '../sections/notifier.ts'
import { refresherSection } from '../sections/refresher.ts'
import { storerSection } from '../sections/storer.ts'
import { duration, positiveDuration, tokenLifetime } from './duration.ts'
import { experimentSection, noCredd } from './experiment-schema.ts'
import {
  classAdConstraint,
  collectorHost,
  commandWords,
  creddName,
  emailAddresses,
  experimentName,
  filePath,
  hostName,
  httpsHost,
  isWebUrl,
  label,
  sender,
  vaultServer,
} from './grammar.ts'
import { templateText } from './template-text.ts'

/** Where the default role goes where no key says so: jobsub reads ours, and nothing the predecessor's. */
export const defaultRoleFile = {
  ours: '/tmp/jobsub_default_role_{{.Experiment}}_{{.DesiredUID}}',
  predecessors: '/tmp/default_role_{{.Experiment}}_{{.DesiredUID}}',
} as const

const timeouts = z.object({
  globalTimeout: positiveDuration.prefault('300s').describe('Deadline of a run.'),
  kerberosTimeout: positiveDuration.prefault('20s').describe('One kinit.'),
  vaultStorerTimeout: positiveDuration.prefault('60s').describe('One htgettoken or condor_vault_storer.'),
  pingTimeout: positiveDuration
    .prefault('10s')
    .describe('How long each address of a node may take to answer.'),
  pushTimeout: positiveDuration.prefault('30s').describe('One push to one node.'),
  ferryRequestTimeout: positiveDuration.prefault('30s').describe('One request to FERRY.'),
  dbTimeout: positiveDuration.prefault('10s').describe('Accepted, unused: UIDs are stored on the bus.'),
})

const retry = z.object({
  numRetries: z
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe('Tries after the first before a failure is reported.'),
  retrySleep: duration.prefault('0s').describe('Pause before each of them.'),
})

const workerType = z.object({
  getKerberosTickets: retry
    .prefault({})
    .describe('Accepted, unused: a kinit that failed is tried again with the step it is for.'),
  getToken: retry.prefault({}).describe('htgettoken.'),
  storeAndGetToken: retry.prefault({}).describe('condor_vault_storer.'),
  storeAndGetTokenInteractive: retry
    .prefault({})
    .describe('Accepted; onboarding asks a person and is not repeated.'),
  pingAggregator: retry.prefault({}).describe('Accepted, unused: pushes find out which nodes answer.'),
  pushTokens: retry
    .prefault({})
    .describe('A push to a node; its pause is at most four fifths of `distributor.probePeriod`.'),
})

const ferry = z.object({
  host: httpsHost.describe('FERRY’s host.'),
  port: z.int().min(1).max(65535).describe('FERRY’s port.'),
  caPath: filePath
    .optional()
    .describe('Authorities for FERRY beside the system’s: a directory in the grid’s place, or a file.'),
  hostCert: filePath.optional().describe('Client certificate.'),
  hostKey: filePath.optional().describe('Key of the client certificate.'),
  serviceExperiment: label.optional().describe('Whose token FERRY is asked with (`--authmethod jwt`).'),
  serviceRole: label.optional().describe('Its role; empty: none.'),
  serviceKerberosPrincipal: label.optional().describe('Principal for that token.'),
  serviceKeytabPath: filePath.optional().describe('Keytab for that token.'),
  vaultServer: vaultServer.optional().describe('Vault server for that token.'),
})

const recipients = z.object({
  SLACK_ALERTS_URL: z
    .string()
    // Whoever has this URL may post: it is never quoted.
    .refine(isWebUrl, 'the Slack URL is not an http or https URL')
    .optional()
    .describe('Slack webhook of the administrators. A secret.'),
  webhook: z
    .string()
    .refine(isWebUrl, 'the webhook is not an http or https URL')
    .optional()
    .describe('Webhook that takes JSON: Mattermost, Alertmanager, a program of yours. A secret.'),
  admin_email: emailAddresses.default([]).describe('The administrators: they get every digest.'),
})

const logFiles = z.object({
  logfile: filePath.optional().describe('Of `token-push`: its directory takes our `<daemon>.log`.'),
  debugfile: filePath.optional().describe('Accepted, unused: there is one log a daemon.'),
})

const hostOrUrl = z.string().refine((text) => /^[A-Za-z0-9[][^\s\p{Cc}]*$/u.test(text), 'not a host or URL')

const url = z
  .string()
  .refine((text) => URL.canParse(text) && !/\s/.test(text), 'not a URL (scheme://host[:port][/path])')

/** The whole file. Durations come out in milliseconds; everything else as written. */
export const siteFile = z.object({
  keytabPath: templateText.optional().describe('Directory with `<account>.keytab`.'),
  kerberosPrincipalPattern: templateText
    .optional()
    .describe('Principal of each entry, usually `{{.Account}}/…@REALM`.'),
  condorCollectorHost: z
    .array(collectorHost)
    .default([])
    .describe('Collectors, in the order in which they are tried.'),
  condorCreddHost: z
    .array(creddName)
    .min(1, noCredd)
    .optional()
    .describe('Credds; absent: the collector is asked for schedds.'),
  condorScheddConstraint: classAdConstraint
    .optional()
    .describe('Which schedds count (`condor_status -constraint`).'),
  vaultServer: vaultServer
    .optional()
    .describe('Vault server; absent: the environment and HTCondor are asked.'),
  serviceCreddVaultTokenPathRoot: templateText
    .default('/var/lib/managed-tokens/service-credd-vault-tokens')
    .describe('Where the storer keeps its vault tokens between runs.'),
  defaultRoleFileDestinationTemplate: templateText
    .default(defaultRoleFile.ours)
    .describe('Where the default role goes on a node.'),
  minTokenLifetime: tokenLifetime.default('10s').describe('A vault token with less life left is replaced.'),
  sshOptions: commandWords.default('').describe('Words for ssh.'),
  fileCopierOptions: commandWords.default('--perms --chmod=u=r,go=').describe('Words for rsync.'),
  pingOptions: commandWords.optional().describe('Accepted, unused: a node is probed on its ssh port.'),
  disableNotifications: z.boolean().default(false).describe('Nobody is notified.'),
  errorCountToSendMessage: z
    .int()
    .min(0)
    .max(1000)
    .default(1)
    .describe('Failures in a row before somebody hears of them.'),
  devEnvironmentLabel: label
    .default('production')
    .describe('Name of this installation; MANAGED_TOKENS_DEV_ENVIRONMENT_LABEL wins.'),
  dbLocation: filePath
    .optional()
    .describe('Accepted, unused: `managed-tokens uids import` is given the file.'),
  timeouts: timeouts.prefault({}).describe('Limits of each step.'),
  workerType: workerType.prefault({}).describe('Retries of each step.'),
  ferry: ferry.optional().describe('Where UIDs come from.'),
  email: z
    .object({
      from: sender.describe('Sender.'),
      smtpHost: hostName.describe('Mail server.'),
      smtpPort: z.int().min(1).max(65535).default(25).describe('Its port.'),
      tls: z
        .enum(['none', 'starttls', 'tls'])
        .optional()
        .describe(
          '`none`, `starttls` (required), `tls` from the first byte. Absent: STARTTLS where offered.',
        ),
      caPath: filePath
        .optional()
        .describe(
          'Authorities for the mail server beside the system’s: a directory in the grid’s place, or a file.',
        ),
      user: label.optional().describe('Who logs in there; absent: nobody does.'),
      passwordFile: filePath
        .optional()
        .describe('File with the password of `user`, for the notifier’s user only (mode 0600).'),
    })
    .optional()
    .describe('How mail is sent; absent: none is.'),
  notifications: recipients
    .extend({
      stakeholders: z
        .array(z.enum(['failure', 'authentication', 'expiring', 'silence', 'recovered']))
        .default(['expiring', 'recovered'])
        .describe('What stakeholders hear besides that a node did not get its token.'),
      warnBefore: positiveDuration
        .prefault('2d')
        .describe('A token that is not replaced is warned of from so long before its end.'),
    })
    .prefault({})
    .describe('Who hears of failures.'),
  notifications_test: recipients.prefault({}).describe('The same for runs that do not push.'),
  logs: z
    .object({
      'token-push': logFiles.optional().describe("The predecessor's push program."),
      'refresh-uids-from-ferry': logFiles.optional().describe("The predecessor's FERRY program."),
    })
    .prefault({})
    .describe('Log files.'),
  prometheus: z
    .object({
      host: hostOrUrl.optional().describe('Pushgateway: host or URL.'),
      jobname: label.default('managed_tokens').describe('Its job label.'),
    })
    .optional()
    .describe('Pushgateway.'),
  loki: z
    .object({
      host: hostOrUrl.optional().describe('Loki: host or URL.'),
      response_header_timeout: positiveDuration.optional().describe('How long Loki may take to answer.'),
    })
    .optional()
    .describe('Loki.'),
  tracing: z
    .object({ url: url.optional().describe('OTLP over HTTP.') })
    .optional()
    .describe('Traces.'),
  experiments: z
    .record(experimentName, experimentSection)
    .describe('Whose tokens are kept fresh, by experiment.'),

  nats: natsSection.prefault({}).describe('How to reach NATS.'),
  schedule: scheduleSection.prefault({}).describe('When runs start by themselves.'),
  vault: vaultSection.prefault({}).describe('How Vault is asked.'),
  issuers: issuersSection
    .prefault({})
    .describe('Token issuers that are asked without Vault, by a name of your own.'),
  sealing: sealingSection
    .prefault({})
    .describe('The key pairs that keep tokens unreadable on the bus, and others’ tokens off the nodes.'),
  telemetry: telemetrySection.prefault({}).describe('Metrics.'),
  refresher: refresherSection.prefault({}).describe('The refresher.'),
  storer: storerSection.prefault({}).describe('The storer.'),
  distributor: distributorSection.prefault({}).describe('The distributor.'),
  notifier: notifierSection.prefault({}).describe('The notifier.'),
})

export type SiteFile = z.output<typeof siteFile>

/** Our own sections: what is unknown in or near them is an error, elsewhere a warning. */
export const ownSections = [
  'nats',
  'schedule',
  'vault',
  'issuers',
  'sealing',
  'telemetry',
  'refresher',
  'storer',
  'distributor',
  'notifier',
] as const
