/** Our own sections of the configuration that belong to no single daemon; the daemons' stand beside this. */
import { Cron } from 'croner'
import { z } from '../../contracts/zod.ts'
import { duration } from '../schema/duration.ts'
import { absolutePath, filePath, hostName } from '../schema/grammar.ts'
import { templateOver } from '../schema/template-text.ts'

/** One word of a subject. */
export const domainName = z.string().regex(/^[A-Za-z0-9-]{1,32}$/, 'expected letters, digits and hyphens')

/** How to reach NATS. Without `servers`, `managed-tokens up` starts a private one. */
export const natsSection = z.strictObject({
  servers: z
    .array(
      z
        .string()
        .regex(
          /^(nats|tls):\/\/[A-Za-z0-9.:[\]-]+$/,
          'expected nats://host:port or tls://host:port, without user or password',
        ),
    )
    .min(1, 'at least one server, or leave the key out')
    .optional()
    .describe('URLs of the NATS servers. Absent: `managed-tokens up` starts a private server on loopback.'),
  seedFile: templateOver(['Daemon'], 'a path, with {{.Daemon}} for the daemon')
    .optional()
    .describe(
      "File with this user's nkey seed; `{{.Daemon}}` stands for the daemon's name. Default: `nats.nk` in the daemon's state directory.",
    ),
  caFile: filePath
    .optional()
    .describe('PEM file with the only authority for `tls://`. Default: the system’s and the grid’s.'),
  replicas: z
    .union([z.literal(1), z.literal(3), z.literal(5)], {
      error: 'expected 1, 3 or 5: an even number stands no more losses than the odd one below it',
    })
    .default(1)
    .describe('On how many servers of a NATS cluster each stream and bucket lies: 1, 3 or 5.'),
  domain: domainName
    .optional()
    .describe('The JetStream domain in which the streams lie, where daemons reach it through a leaf node.'),
})
export type NatsConfig = Readonly<z.output<typeof natsSection>>

const isTimeZone = (name: string) => {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}

const isCron = (text: string) => {
  if (text.trim().split(/\s+/).length !== 5) return false
  try {
    // Also refused: a day that never comes, such as 30 February.
    return new Cron(text, { mode: '5-part', sloppyRanges: true }).nextRun() !== null
  } catch {
    return false
  }
}
const expectedCron = 'expected a cron expression of five fields (minute hour day month weekday), or false'
const cron = z.union([z.string().refine(isCron, expectedCron), z.literal(false)], { error: expectedCron })

/** When runs start by themselves. */
export const scheduleSection = z.strictObject({
  cron: cron
    .default('58 * * * *')
    .describe('Cron expression of the hourly run; `false` switches the schedule off.'),
  uids: cron
    .default('0 6 * * *')
    .describe('Cron expression of the daily questions to FERRY; `false` switches them off.'),
  jitter: duration
    .prefault('10s')
    .describe('Each firing comes up to so much later, by a quarter of its interval at most.'),
  timeZone: z
    .string()
    .refine(isTimeZone, 'not a time zone: expected an IANA name such as UTC or America/Chicago')
    .default('UTC')
    .describe('IANA time zone of the cron expressions.'),
})
export type ScheduleConfig = Readonly<z.output<typeof scheduleSection>>

/** How Vault is asked. */
export const vaultSection = z.strictObject({
  caPath: absolutePath
    .optional()
    .describe(
      'Authorities beside the system’s: a directory in the grid’s place, or a file. Default: X509_CERT_DIR.',
    ),
  rateLimitPause: duration
    .prefault('5m')
    .describe('How long refresher and storer leave Vault alone after "Too Many Requests".'),
  requestsPer5Min: z
    .int()
    .min(30)
    .max(1_000_000)
    .optional()
    .describe(
      'Requests to Vault in any five minutes, refresher and storer together. Absent: no limit until Vault sets one.',
    ),
})
export type VaultConfig = Readonly<z.output<typeof vaultSection>>

/** The key pairs that keep tokens unreadable on the bus, and others' tokens off the nodes. */
export const sealingSection = z.strictObject({
  publicKey: z
    .string()
    .regex(/^X[A-Z2-7]{55}$/, 'expected a NATS curve public key (X and 55 capitals or digits 2-7)')
    .optional()
    .describe("The distributor's public key. Default: `sealing.pub` in the state directory's root."),
  seedFile: filePath
    .optional()
    .describe(
      "File with the distributor's secret curve seed. Default: `sealing.seed` in the distributor's state directory.",
    ),
  previousSeedFiles: z
    .array(filePath)
    .default([])
    .describe('Seeds that the distributor opens with as well, while `seedFile` is being changed.'),
  signingKeyFile: filePath
    .optional()
    .describe(
      "File with the refresher's secret signing seed. Default: `signing.seed` in its state directory.",
    ),
  trustedSigners: z
    .array(
      z.string().regex(/^A[A-Z2-7]{55}$/, 'expected a public signing key (A and 55 capitals or digits 2-7)'),
    )
    .min(1, 'name at least one, or leave it out')
    .optional()
    .describe(
      "Public signing keys that the distributor believes. Default: those in `signing.pub` in the state directory's root.",
    ),
})
export type SealingConfig = Readonly<z.output<typeof sealingSection>>

/** Metrics. */
export const telemetrySection = z.strictObject({
  metricsPort: z
    .int()
    .min(0)
    .max(65535)
    .optional()
    .describe('Port of `/metrics`; absent: no metrics server.'),
  metricsHost: hostName.default('127.0.0.1').describe('Address `/metrics` listens on.'),
  traceRatio: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of runs that are traced; OTEL_TRACES_SAMPLER wins.'),
})
export type TelemetryConfig = Readonly<z.output<typeof telemetrySection>>
