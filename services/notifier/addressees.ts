/** Who hears which news: administrators everything, stakeholders what their nodes did not get and what the site adds. Pure. */
import type { Entry, Site } from '../../shared/config/site.ts'
import type { NewsKind } from '../../shared/messages.ts'
import { notifySubject } from '../../shared/subjects.ts'
import type { News } from './news.ts'
import { experimentHook, type Way, waysToAdmins } from './ways.ts'

/** One addressee of one message. */
export interface Addressee extends Pick<Way, 'channel' | 'to'> {
  readonly news: readonly News[]
}

/** Everybody who hears any of it, once each; nobody where notifications are off, and nothing of a muted entry. */
export function addresseesOf(all: readonly News[], site: Site): Addressee[] {
  if (site.disableNotifications) return []
  const heard = all.filter(({ entry }) => !isMuted(site, entry))
  const [ofTests, real] = [heard.filter(({ isTest }) => isTest), heard.filter(({ isTest }) => !isTest)]
  return [
    ...administrators(site, 'admin', real),
    ...stakeholders(site, real),
    ...administrators(site, 'admin_test', ofTests),
  ].filter(({ news }) => news.length > 0)
}

/** True where nobody hears of this entry. */
export function isMuted({ disableNotifications, entries }: Site, name: string | undefined): boolean {
  return disableNotifications || (entries.find((entry) => entry.name === name)?.disableNotifications ?? false)
}

function administrators(site: Site, who: 'admin' | 'admin_test', news: readonly News[]): Addressee[] {
  // As the predecessor had it: that a test went well is said on Slack alone.
  const elsewhere = news.filter(({ kind }) => kind !== 'completed')
  return waysToAdmins(site, who).map(({ channel, to }) => {
    const subject = notifySubject(channel, to)
    const heard = (channel === 'slack' ? news : elsewhere).filter(({ notBy }) => notBy !== subject)
    return { channel, to, news: heard }
  })
}

/** Administrators hear everything already: none of them is told twice. */
function stakeholders(site: Site, news: readonly News[]): Addressee[] {
  const theirs = news.filter((one) => isForStakeholders(one, site))
  const byAddressee = new Map<string, Addressee>()
  const tell = (channel: Addressee['channel'], to: string, one: News) => {
    const known = byAddressee.get(`${channel} ${to}`)?.news ?? []
    if (!known.includes(one)) byAddressee.set(`${channel} ${to}`, { channel, to, news: [...known, one] })
  }
  for (const one of theirs)
    for (const { emails, experiment } of entriesOf(site, one)) {
      if (site.experimentSlack[experiment]) tell('slack', experimentHook(experiment), one)
      for (const to of emails) if (!site.notifications.adminEmail.includes(to)) tell('email', to, one)
    }
  return [...byAddressee.values()]
}

/** Silence concerns every entry. */
const entriesOf = (site: Site, { entry }: News): readonly Entry[] =>
  site.entries.filter(({ name, disableNotifications }) =>
    entry === undefined ? !disableNotifications : name === entry,
  )

function isForStakeholders({ kind, where, ends = [] }: News, { notifications }: Site): boolean {
  const hear = (what: NewsKind) =>
    (what === 'failure' && where === 'node') || notifications.stakeholders.includes(what)
  // Of what ended well they hear where they could hear of what was wrong.
  return hear(kind) && (kind !== 'recovered' || ends.some(hear))
}
