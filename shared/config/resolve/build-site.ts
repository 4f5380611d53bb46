/** The checked file as the frozen {@link Site} that travels through the daemons. */
import { dirname } from 'node:path'
import type { Environment } from '../environment.ts'
import { absolutePath, isWebUrl } from '../schema/grammar.ts'
import { parseAddress } from '../schema/mail-address.ts'
import type { SiteFile } from '../schema/schema.ts'
import type { MailServer, Recipients, Retry, Site } from '../site.ts'
import type { ResolvedEntry } from './resolve.ts'

export interface SiteParts {
  readonly path: string
  readonly hash: string
  readonly file: SiteFile
  readonly entries: readonly ResolvedEntry[]
  readonly variables: Environment
}

/** Only renames and freezes: everything has been checked. */
export function buildSite({ path, hash, file, entries, variables }: SiteParts): Site {
  const { timeouts, workerType } = file
  const logfile = file.logs['token-push']?.logfile
  const devEnvironmentLabel = variables.MANAGED_TOKENS_DEV_ENVIRONMENT_LABEL ?? file.devEnvironmentLabel
  const site: Site = {
    file: path,
    hash,
    entries: entries.map(({ entry }) => entry),
    timeouts: {
      globalMs: timeouts.globalTimeout,
      kerberosMs: timeouts.kerberosTimeout,
      vaultStorerMs: timeouts.vaultStorerTimeout,
      pingMs: timeouts.pingTimeout,
      pushMs: timeouts.pushTimeout,
      ferryRequestMs: timeouts.ferryRequestTimeout,
    },
    retries: {
      get: retry(workerType.getToken),
      store: retry(workerType.storeAndGetToken),
      push: retry(workerType.pushTokens),
    },
    // The predecessor sends at the first failure when the key is absent or 0.
    errorCountToSendMessage: Math.max(1, file.errorCountToSendMessage),
    disableNotifications: file.disableNotifications,
    devEnvironmentLabel,
    ...(file.ferry ? { ferry: present(file.ferry) } : {}),
    ...(file.email ? { email: mailServer(file.email) } : {}),
    notifications: {
      ...recipients(file.notifications),
      stakeholders: file.notifications.stakeholders,
      warnBeforeMs: file.notifications.warnBefore,
    },
    notificationsTest: recipients(file.notifications_test),
    experimentSlack: Object.fromEntries(
      Object.entries(file.experiments).flatMap(([name, { slack }]) => (slack ? [[name, slack]] : [])),
    ),
    ...(logfile === undefined ? {} : { logDirectory: dirname(logfile) }),
    ...(file.tracing?.url && isWebUrl(file.tracing.url) ? { tracingUrl: file.tracing.url } : {}),
    ...(file.prometheus?.host
      ? {
          prometheus: {
            host: file.prometheus.host,
            jobname: jobOf(file.prometheus.jobname, devEnvironmentLabel),
          },
        }
      : {}),
    ...(file.loki?.host ? { loki: loki(file.loki.host, file.loki.response_header_timeout) } : {}),
    nats: file.nats,
    schedule: file.schedule,
    vault: { ...file.vault, ...present({ caPath: file.vault.caPath ?? authoritiesIn(variables) }) },
    issuers: Object.fromEntries(
      Object.entries(file.issuers).map(([name, issuer]) => [
        name,
        { ...issuer, ...present({ caPath: issuer.caPath ?? authoritiesIn(variables) }) },
      ]),
    ),
    sealing: file.sealing,
    telemetry: file.telemetry,
    refresher: file.refresher,
    storer: file.storer,
    distributor: file.distributor,
    notifier: file.notifier,
  }
  return freezeDeep(site)
}

/** It ends up among words for htgettoken, so it has to be one. */
const authoritiesIn = ({ X509_CERT_DIR }: Environment) =>
  absolutePath.safeParse(X509_CERT_DIR).success ? X509_CERT_DIR : undefined

/** As the predecessor names it: what is no production stands beside it at the same Pushgateway. */
const jobOf = (jobname: string, label: string) => (label === 'production' ? jobname : `${jobname}_${label}`)

const loki = (host: string, responseHeaderTimeoutMs: number | undefined): Site['loki'] & object => ({
  host,
  ...present({ responseHeaderTimeoutMs }),
})

/** A mail's envelope takes the bare address. */
function mailServer(email: SiteFile['email'] & object): MailServer {
  const { name = '', address = email.from } = parseAddress(email.from) ?? {}
  return present({ ...email, from: address, fromName: name || undefined })
}

const retry = (worker: SiteFile['workerType']['pushTokens']): Retry => ({
  numRetries: worker.numRetries,
  retrySleepMs: worker.retrySleep,
})

const recipients = (section: SiteFile['notifications_test']): Recipients => ({
  ...present({ slackUrl: section.SLACK_ALERTS_URL, webhookUrl: section.webhook }),
  adminEmail: section.admin_email,
})

type Present<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> } & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K]
}

/** Without the keys that have no value: an absent setting is an absent key everywhere. */
function present<T extends object>(object: T): Present<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Present<T>
}

export function freezeDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freezeDeep(inner)
  }
  return value
}
