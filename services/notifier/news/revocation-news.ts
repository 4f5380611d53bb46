/** Tells of a revocation: administrators and the experiments' people when it begins, administrators when nothing is left. */
import type { Outgoing } from '../../../shared/bus/publish.ts'
import type { Site } from '../../../shared/config/site.ts'
import { envelope } from '../../../shared/contracts/envelope.ts'
import type { Notification, RunStarted } from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { notifySubject } from '../../../shared/contracts/subjects.ts'
import { experimentHook } from '../channels/channels-of.ts'
import type { LedgerStore } from '../ledger/ledger-store.ts'
import { noticesToAdmins } from './admin-notice.ts'

/** The messages for the beginning; none for a run that takes nothing away. The same run makes the same ones. */
export function announceRevocation({ run, revocation, entries, by }: RunStarted, site: Site): Outgoing[] {
  if (!revocation || site.disableNotifications) return []
  const services = [...new Set(entries.map(({ service }) => service))]
  const who = by ? ` by ${cleanLine(`${by.person} on ${by.host}`)}` : ''
  const reason = cleanLine(revocation.reason)
  const places = (list: readonly (readonly string[])[]) => new Set(list.flat()).size
  const admins = noticesToAdmins(
    {
      run,
      id: `${run}.revoked`,
      subject: `managed-tokens: ${services.join(', ')} revoked`,
      text: `The tokens of ${services.join(', ')} were revoked${who}.\nReason: ${reason}\n\nThey are being removed from ${places(entries.map(({ nodes }) => nodes))} nodes and ${places(entries.map(({ credds = [] }) => credds))} credds, and no new ones are made.\nHow it stands: managed-tokens status --run ${run}\nAnother message comes when nothing is left. To let them run again: managed-tokens restore ${services.join(' ')}\n`,
    },
    site,
  )
  return [...admins, ...services.flatMap((service) => noticesToStakeholders(run, service, reason, site))]
}

/** Whoever is an administrator as well has heard of it. */
function noticesToStakeholders(run: string, service: string, reason: string, site: Site): Outgoing[] {
  const entries = site.entries.filter((one) => one.service === service && !one.disableNotifications)
  const mails = entries.flatMap(({ emails }) => emails)
  const people = mails.filter((to) => !site.notifications.adminEmail.includes(to))
  const hooks = entries.filter(({ experiment }) => Object.hasOwn(site.experimentSlack, experiment))
  const channels = [
    ...people.map((to) => ({ channel: 'email', to }) as const),
    ...hooks.map(({ experiment }) => ({ channel: 'slack', to: experimentHook(experiment) }) as const),
  ]
  const headline = `The tokens of ${service} were revoked by the administrators`
  const unique = new Map(channels.map((one) => [`${one.channel} ${one.to}`, one]))
  return [...unique.values()].map(({ channel, to }) => {
    const message: Notification = {
      ...envelope(),
      ...{ run, channel, to, subject: `managed-tokens: ${service} revoked` },
      text: `${headline}.\nReason: ${reason}\n\nJobs of ${service} get no new tokens until the administrators restore it. Nothing to do for you now; they may ask you to log in again afterwards.\n`,
      id: `${run}.revoked.${service}.${channel}.${to}`,
      rows: [{ kind: 'notice', service, headline, message: reason, action: '' }],
    }
    return { kind: 'fact', subject: notifySubject(channel, to), id: message.id, body: message }
  })
}

/** The message for the end, once nothing is left at any target. */
export async function announceRemoved(id: string, ledger: LedgerStore, site: Site): Promise<Outgoing[]> {
  const run = await ledger.readRun(id)
  if (!run?.revocation) return []
  const rows = await ledger.readRows(run)
  const states = rows.flatMap(({ refresh, targets }) => [refresh, ...targets])
  if (rows.length < run.entries.length || states.some(({ state }) => state !== 'done')) return []
  const services = [...new Set(rows.map(({ service }) => service))].join(', ')
  const notes = states.flatMap(({ warning }) => (warning ? cleanLine(warning, 500) : []))
  const until = rows
    .flatMap(({ targets }) => targets.flatMap((target) => target.until ?? []))
    .sort()
    .at(-1)
  const lines = [
    `Nothing of ${services} is left on any node, in any credd, or in the daemons' own state.`,
    'Bearer tokens that were handed out before go on until they end by themselves.',
    ...(until
      ? [
          `The vault tokens that credds had been given are good until ${until}, unless Vault's administrators revoke them (docs/incidents.md).`,
        ]
      : []),
    ...notes,
  ]
  return noticesToAdmins(
    {
      run: run.run,
      id: `${run.run}.revoked.end`,
      subject: `managed-tokens: ${services} is gone from everywhere`,
      text: `${lines.join('\n')}\n`,
    },
    site,
  )
}
