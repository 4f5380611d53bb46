/** The configuration as the daemons see it: resolved per entry, frozen, every duration in milliseconds. */

import type { NewsKind } from '../contracts/messages.ts'
import type { Bearer } from './schema/deliver-schema.ts'
import type {
  NatsConfig,
  ScheduleConfig,
  SealingConfig,
  TelemetryConfig,
  VaultConfig,
} from './sections/common.ts'
import type { DistributorConfig } from './sections/distributor.ts'
import type { IssuerConfig, OidcSource } from './sections/issuers.ts'
import type { NotifierConfig } from './sections/notifier.ts'
import type { RefresherConfig } from './sections/refresher.ts'
import type { StorerConfig } from './sections/storer.ts'

/** How often a failed step is tried again before it is reported, and how long to wait in between. */
export interface Retry {
  readonly numRetries: number
  readonly retrySleepMs: number
}

/** Where notifications go (`notifications`, or `notifications_test` for runs with `push: false`). */
export interface Recipients {
  /** A secret: whoever has it may post. Never logged, traced or put into an error. */
  readonly slackUrl?: string
  /** A secret likewise. */
  readonly webhookUrl?: string
  readonly adminEmail: readonly string[]
}

/** How mail is sent (`email`). */
export interface MailServer {
  /** The bare address. */
  readonly from: string
  /** What stands before it in a mail's header. */
  readonly fromName?: string
  readonly smtpHost: string
  readonly smtpPort: number
  /** Absent: STARTTLS where the server offers it. */
  readonly tls?: 'none' | 'starttls' | 'tls'
  readonly caPath?: string
  readonly user?: string
  /** The password itself is read when it is needed, and kept nowhere. */
  readonly passwordFile?: string
}

/** A service as configured: `dune-2_production` with `experimentOverride: dune` is an entry of service `dune_production`. */
export interface Entry {
  /** `<experiment>_<role>` as configured: the name on the bus, in counters and on the command line. */
  readonly name: string
  /** The experiment as configured (`dune-2`). */
  readonly experiment: string
  /** The experiment the token issuer knows (`dune`). */
  readonly realExperiment: string
  readonly role: string
  /** `<realExperiment>_<role>`: the name in credds and in file names on nodes. */
  readonly service: string
  readonly account: string
  /** This and the keytab are absent where no ticket is needed: neither to get the token nor to reach the nodes. */
  readonly principal?: string
  readonly keytab?: string
  readonly desiredUid?: number
  readonly nodes: readonly string[]
  /** What the nodes get; at least one of them. */
  readonly deliver: { readonly vault: boolean; readonly bearers: readonly Bearer[] }
  /** Set by `condorCreddHostOverride`; otherwise the collector is asked. */
  readonly credds?: readonly string[]
  /** In the order in which they are tried. */
  readonly collectors: readonly string[]
  readonly scheddConstraint?: string
  /** From the file only; absent means: ask the environment and HTCondor. `host`, `host:port` or `https://host[:port]`. */
  readonly vaultServer?: string
  /** Where the storer keeps its vault token per (service, credd) between runs. */
  readonly vaultTokenRoot: string
  /** `getToken`: plain htgettoken, no credd. `oidc`: the issuer that {@link Entry.oidc} names. */
  readonly tokenGetter: 'storeAndGetToken' | 'getToken' | 'oidc'
  /** Present exactly where the token getter is `oidc`. */
  readonly oidc?: OidcSource
  /** By condor_vault_storer, or without it. */
  readonly storerMethod: 'script' | 'direct'
  /** As htgettoken takes it: one `<n>[smhd]`. */
  readonly minTokenLifetime: string
  /** `--credkey` for htgettoken: the principal without its realm, or `credkeyOverride`; empty where there is neither. */
  readonly credkey: string
  /** A Go template over {@link TemplateFields}; rendered once the UID is known (`renderTemplate`). Absent: there is no such file. */
  readonly roleFileTemplate?: string
  /** How files get to the nodes. */
  readonly transport: 'ssh' | 'rsync' | 'local'
  /** The directory of the token files on nodes; a Go template like {@link Entry.roleFileTemplate}. */
  readonly tokenDirectoryTemplate: string
  /** The private key that ssh logs in with; absent: it uses the entry’s ticket. */
  readonly identityFile?: string
  /** Words for ssh, already split. */
  readonly sshOptions: readonly string[]
  /** Words for rsync, already split. */
  readonly fileCopierOptions: readonly string[]
  readonly disableNotifications: boolean
  /** Stakeholders of the experiment. */
  readonly emails: readonly string[]
}

/** The whole site: one file, checked and resolved. */
export interface Site {
  readonly file: string
  /** SHA-256 (hex) of the file's bytes: `run.started` carries it, so that daemons notice when theirs differs. */
  readonly hash: string
  readonly entries: readonly Entry[]
  readonly timeouts: {
    readonly globalMs: number
    readonly kerberosMs: number
    readonly vaultStorerMs: number
    readonly pingMs: number
    readonly pushMs: number
    readonly ferryRequestMs: number
  }
  readonly retries: {
    /** htgettoken (`workerType.getToken`). */
    readonly get: Retry
    /** condor_vault_storer (`workerType.storeAndGetToken`). */
    readonly store: Retry
    readonly push: Retry
  }
  /** Failures in a row before somebody hears of them; at least 1. */
  readonly errorCountToSendMessage: number
  readonly disableNotifications: boolean
  readonly devEnvironmentLabel: string
  readonly ferry?: {
    readonly host: string
    readonly port: number
    readonly caPath?: string
    readonly hostCert?: string
    readonly hostKey?: string
    readonly serviceExperiment?: string
    readonly serviceRole?: string
    readonly serviceKerberosPrincipal?: string
    readonly serviceKeytabPath?: string
    readonly vaultServer?: string
  }
  readonly email?: MailServer
  readonly notifications: Recipients & {
    /** What stakeholders hear besides that a node did not get its token. */
    readonly stakeholders: readonly NewsKind[]
    /** A token that is not replaced is warned of from so long before its end. */
    readonly warnBeforeMs: number
  }
  readonly notificationsTest: Recipients
  /** Slack webhooks of experiments, by the experiment as configured. Secrets: never logged, traced or put into an error. */
  readonly experimentSlack: Readonly<Record<string, string>>
  /** Directory for `<daemon>.log`, from `logs.token-push.logfile`; absent: standard output only. */
  readonly logDirectory?: string
  /** Only ever http or https. */
  readonly tracingUrl?: string
  /** The Pushgateway; host or URL. */
  readonly prometheus?: { readonly host: string; readonly jobname: string }
  readonly loki?: { readonly host: string; readonly responseHeaderTimeoutMs?: number }
  readonly nats: NatsConfig
  readonly schedule: ScheduleConfig
  readonly vault: VaultConfig
  /** By name. */
  readonly issuers: Readonly<Record<string, IssuerConfig>>
  readonly sealing: SealingConfig
  readonly telemetry: TelemetryConfig
  readonly refresher: RefresherConfig
  readonly storer: StorerConfig
  readonly distributor: DistributorConfig
  readonly notifier: NotifierConfig
}
