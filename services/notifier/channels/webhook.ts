/** One message as JSON for a webhook: for Alertmanager as its alerts, for everybody else as a text with the news beside it. Pure. */
import type { NewsRow, Notification } from '../../../shared/contracts/messages.ts'
import { shorten } from './shorten.ts'
import { withoutMentions } from './without-mentions.ts'

/** Mattermost refuses longer posts (characters). */
const longestText = 16_000

/** Alertmanager is known by the path of its API. */
export const isAlertmanager = (url: string) => new URL(url).pathname.endsWith('/api/v2/alerts')

/**
 * What is posted. `text` is what Mattermost and others show; the rest is for programs, under names that mean nothing to
 * Mattermost (which would post elsewhere for a `channel`, and knows `username`, `icon_url`, `props`, `type`).
 */
export function webhookPayload(message: Notification): object {
  const { id, run, at, subject, text, traceUrl, rows, more } = message
  return {
    text: withoutMentions(shorten(`**${subject}**\n\n${text}`, longestText)),
    source: 'managed-tokens',
    ...{ id, run, at, subject },
    ...(traceUrl ? { traceUrl } : {}),
    news: rows ?? [],
    more: more ?? 0,
  }
}

/** How long an alert stays when nobody hears of it again (milliseconds). */
const alertMs = 24 * 60 * 60 * 1_000

/** Alerts for Alertmanager's API v2: one for each piece of news; a recovery ends the alert of the failure it follows. */
export function alertsOf(message: Notification): object[] {
  const { at, run, subject, text, traceUrl } = message
  const rows: readonly NewsRow[] = message.rows?.length
    ? message.rows
    : [{ kind: 'notice', headline: subject, message: text, action: '' }]
  return rows.flatMap((row) =>
    alertLabelsOf(row).map((labels) => ({
      labels,
      annotations: present({
        ...{ summary: row.headline, description: row.message, action: row.action, code: row.code, run },
      }),
      startsAt: row.since ?? at,
      endsAt: row.kind === 'recovered' ? at : new Date(Date.parse(at) + alertMs).toISOString(),
      ...(traceUrl ? { generatorURL: traceUrl } : {}),
    })),
  )
}

/** They are what tells one alert from another: nothing in them changes from run to run. */
type Labels = Readonly<Record<string, string>>
type Target = Pick<NewsRow, 'entry' | 'service' | 'where' | 'name'>

const ofTarget = (alertname: string, { entry, service, where, name }: Target): Labels =>
  present({ alertname, entry, service, where, name })
const ofCause = (alertname: string, { cause }: NewsRow): Labels =>
  present({ alertname, cause: cause?.kind, name: cause?.name })

/**
 * A recovery ends whatever may have been said of the same: of a cause, and of each target that hung on it, which was told by
 * itself as long as it was the only one. One of no entry and no cause is the end of a silence.
 */
function alertLabelsOf(row: NewsRow): readonly Labels[] {
  const { kind, entry, cause, affected } = row
  const isOfCause = cause !== undefined && entry === undefined
  if (kind !== 'recovered')
    return [isOfCause ? ofCause(alertNames[kind], row) : ofTarget(alertNames[kind], row)]
  if (!cause && !entry && !affected) return [ofTarget(alertNames.silence, row)]
  const targets: readonly Target[] = affected?.things ?? [row]
  return [
    ...(cause ? [ofCause(alertNames.failure, row), ofCause(alertNames.expiring, row)] : []),
    ...targets.flatMap((one) => [ofTarget(alertNames.failure, one), ofTarget(alertNames.expiring, one)]),
  ]
}

const alertNames: Record<Exclude<NewsRow['kind'], 'recovered'>, string> = {
  failure: 'ManagedTokenFailing',
  authentication: 'ManagedTokenFailing',
  expiring: 'ManagedTokenExpiring',
  silence: 'ManagedTokensSilent',
  notice: 'ManagedTokensNotice',
  completed: 'ManagedTokensCompleted',
  test: 'ManagedTokensTest',
}

/** Alertmanager takes texts alone, and an empty label is none. */
const present = (fields: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => Boolean(field[1])))
