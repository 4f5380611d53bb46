/** Composes what people are told about a run: one message per addressee. Pure. */
import type { Entry, Recipients, Site } from '../../shared/config/site.ts'
import { type Notification, schemaVersion } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import type { LedgerRow, LedgerRun } from './ledger.ts'

/** One thing people are told: an entry or one of its targets failed, since when, and what to do. */
export interface Trouble {
  readonly entry: string
  readonly service: string
  readonly kind: 'refresh' | 'credd' | 'node'
  /** Credd or node; for `refresh` the entry's service. */
  readonly name: string
  readonly code: string
  readonly message: string
  readonly action: string
  /** When the first run in a row failed, and how many did. */
  readonly since: string
  readonly runs: number
}

/** What failed in a run, in the ledger's order. An entry without a token is one trouble, and each of its nodes another. */
export function troublesOf(rows: readonly LedgerRow[]): Omit<Trouble, 'since' | 'runs'>[] {
  return rows.flatMap((row) => {
    const { entry, service, refresh } = row
    const own =
      refresh.state === 'failed'
        ? [{ entry, service, kind: 'refresh' as const, name: service, ...whyOf(refresh) }]
        : []
    const targets = row.targets
      .filter(({ state }) => state === 'failed')
      .map((target) => ({ entry, service, kind: target.kind, name: target.name, ...whyOf(target) }))
    return [...own, ...targets]
  })
}

const whyOf = ({
  code,
  message,
  action,
}: {
  code?: string | undefined
  message?: string | undefined
  action?: string | undefined
}) => ({
  code: code ?? 'unexpected',
  message: cleanLine(message ?? ''),
  action: cleanLine(action ?? ''),
})

/** The messages of a run: administrators hear everything, stakeholders what their nodes did not get. */
export function composeDigests(
  run: LedgerRun,
  troubles: readonly Trouble[],
  site: Site,
  now: string,
): Notification[] {
  const heard = troubles.filter(({ entry }) => !isMuted(site, entry))
  if (!run.mode.notify || site.disableNotifications || heard.length === 0) return []
  const test = !run.mode.push
  const recipients: Recipients = test ? site.notificationsTest : site.notifications
  const compose = (channel: 'email' | 'slack', to: string, told: readonly Trouble[]): Notification => ({
    schema: schemaVersion,
    run: run.run,
    at: now,
    channel,
    to,
    id: `${run.run}.${channel}.${to}`,
    subject: subjectOf(told),
    text: textOf(run, told),
    ...(channel === 'email' ? { html: htmlOf(run, told) } : {}),
  })
  const admins = recipients.adminEmail.map((to) => compose('email', to, heard))
  const slack = recipients.slackUrl ? [compose('slack', test ? 'admin_test' : 'admin', heard)] : []
  const stakeholders = test ? [] : stakeholdersOf(site, heard, recipients.adminEmail)
  return [...slack, ...admins, ...stakeholders.map(([to, told]) => compose('email', to, told))]
}

function isMuted(site: Site, name: string): boolean {
  return site.entries.find((entry) => entry.name === name)?.disableNotifications ?? false
}

/** Each stakeholder with the nodes of theirs that did not get a token. Administrators hear everything already. */
function stakeholdersOf(
  site: Site,
  troubles: readonly Trouble[],
  admins: readonly string[],
): [string, Trouble[]][] {
  const byAddress = new Map<string, Trouble[]>()
  for (const trouble of troubles.filter(({ kind }) => kind === 'node')) {
    const entry: Entry | undefined = site.entries.find(({ name }) => name === trouble.entry)
    for (const to of entry?.emails ?? []) {
      if (admins.includes(to)) continue
      byAddress.set(to, [...(byAddress.get(to) ?? []), trouble])
    }
  }
  return [...byAddress]
}

/** Says it in the subject where there is one thing to say. */
export function subjectOf(troubles: readonly Trouble[]): string {
  const [first] = troubles
  if (!first) return 'managed-tokens: nothing failed'
  const entries = [...new Set(troubles.map(({ entry }) => entry))]
  if (troubles.length === 1) return `${first.entry}: ${shortOf(first)}`
  if (entries.length === 1) return `${first.entry}: ${shortOf(first)} and ${troubles.length - 1} more`
  return `managed-tokens: ${troubles.length} failures in ${entries.length} services: ${entries.slice(0, 4).join(', ')}`
}

function shortOf({ kind, name, since, runs }: Trouble): string {
  const what = { refresh: 'no token', credd: `token not in ${name}`, node: `token not on ${name}` }[kind]
  return `${what} since ${since.slice(11, 16)} UTC (${runs} ${runs === 1 ? 'run' : 'runs'})`
}

function textOf(run: LedgerRun, troubles: readonly Trouble[]): string {
  const blocks = troubles.map(
    (one) =>
      `${one.entry}: ${shortOf(one)}\n  why:     ${one.message} [${one.code}]\n  to do:   ${one.action}`,
  )
  return `${blocks.join('\n\n')}\n\nRun ${run.run}, started ${run.started}. Details: managed-tokens status --run ${run.run}\n`
}

function htmlOf(run: LedgerRun, troubles: readonly Trouble[]): string {
  const head = ['Service', 'Where', 'Error', 'Since', 'What to do']
    .map((cell) => `<th align="left">${cell}</th>`)
    .join('')
  const rows = troubles.map(({ entry, kind, name, message, code, since, runs, action }) => {
    const where = kind === 'refresh' ? 'no token was made' : `${kind} ${name}`
    const cells = [entry, where, `${message} [${code}]`, `${since} (${runs})`, action]
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`
  })
  return [
    `<table border="1" cellpadding="4" cellspacing="0"><tr>${head}</tr>`,
    ...rows,
    `</table><p>Run ${escapeHtml(run.run)}, started ${escapeHtml(run.started)}.</p>`,
  ].join('\n')
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
