/**
 * Who hears which news: administrators every cause once, stakeholders what their nodes did not get and what the site adds. Pure.
 */
import type { Entry, Site } from '../../../shared/config/site.ts'
import type { NewsKind } from '../../../shared/contracts/messages.ts'
import { notifySubject } from '../../../shared/contracts/subjects.ts'
import { entryNamed } from '../../../shared/work/find-entry.ts'
import { type ChannelTo, channelsToAdmins, experimentHook } from '../channels/channels-of.ts'
import { concernsExperiment } from '../failures/cause.ts'
import type { News } from '../news/news.ts'
import { joinExpiring } from './join-expiring.ts'

/** One addressee of one message. */
export interface Addressee extends Pick<ChannelTo, 'channel' | 'to'> {
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
  return disableNotifications || (entryNamed(entries, name ?? '')?.disableNotifications ?? false)
}

function administrators(site: Site, who: 'admin' | 'admin_test', news: readonly News[]): Addressee[] {
  // As the predecessor had it: that a test went well is said on Slack alone.
  const heard = joinExpiring(news.filter(({ audience }) => audience !== 'stakeholders'))
  const elsewhere = heard.filter(({ kind }) => kind !== 'completed')
  return channelsToAdmins(site, who).map(({ channel, to }) => {
    const subject = notifySubject(channel, to)
    const told = (channel === 'slack' ? heard : elsewhere).filter(({ notBy }) => notBy !== subject)
    return { channel, to, news: told }
  })
}

/** Administrators hear everything already: none of them is told twice. */
function stakeholders(site: Site, news: readonly News[]): Addressee[] {
  const theirs = news.filter((one) => one.audience !== 'administrators' && mayConcernStakeholders(one, site))
  const byAddressee = new Map<string, Pick<Addressee, 'channel' | 'to'> & { readonly news: Set<News> }>()
  const tell = (channel: Addressee['channel'], to: string, one: News) => {
    const known = byAddressee.get(`${channel} ${to}`) ?? { channel, to, news: new Set() }
    byAddressee.set(`${channel} ${to}`, known)
    known.news.add(one)
  }
  for (const one of theirs)
    for (const { emails, experiment } of entriesOf(site, one)) {
      if (Object.hasOwn(site.experimentSlack, experiment)) tell('slack', experimentHook(experiment), one)
      for (const to of emails) if (!site.notifications.adminEmail.includes(to)) tell('email', to, one)
    }
  return [...byAddressee.values()].map((one) => ({ ...one, news: [...one.news] }))
}

/** Silence concerns every entry. */
function entriesOf({ entries }: Site, { entry }: News): readonly Entry[] {
  if (entry === undefined) return entries.filter(({ disableNotifications }) => !disableNotifications)
  const concerned = entryNamed(entries, entry)
  return concerned ? [concerned] : []
}

/**
 * True for what stakeholders hear: that a token of theirs is not on a node, where that is about the node or they can act, and
 * what the site adds. That Vault is away is told to those who can mend it.
 */
export function mayConcernStakeholders(
  { kind, where, code, ends = [] }: Pick<News, 'kind' | 'where' | 'code' | 'ends'>,
  { notifications }: Pick<Site, 'notifications'>,
): boolean {
  const isTheirNode = where === 'node' && (kind === 'recovered' || concernsExperiment(code))
  const hear = (what: NewsKind) =>
    (what === 'failure' && isTheirNode) || notifications.stakeholders.includes(what)
  // Of what ended well they hear where they could hear of what was wrong.
  return hear(kind) && (kind !== 'recovered' || ends.some(hear))
}
