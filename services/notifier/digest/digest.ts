/** Composes the messages of a batch of news: one for each addressee, by templates, small enough for the bus. Pure. */

import type { Fact } from '../../../shared/bus/publish.ts'
import type { Site } from '../../../shared/config/site.ts'
import { envelope } from '../../../shared/contracts/envelope.ts'
import type { NewsRow, Notification } from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { notifySubject } from '../../../shared/contracts/subjects.ts'
import { sayAffected } from '../failures/affected.ts'
import { labelOf } from '../failures/cause.ts'
import { mergeNews, type News } from '../news/news.ts'
import { markAsWord } from '../news/undelivered.ts'
import { type Addressee, addresseesOf } from './addressees.ts'
import { clock, headlineOf, placeOf, subjectOf } from './headline.ts'
import type { DigestFields, Templates } from './templates.ts'

/** News that is told together. */
export interface Batch {
  /** The same each time it is composed: nobody hears it twice. */
  readonly id: string
  readonly at: string
  readonly news: readonly News[]
}

/** Most of nats-server's usual `max_payload` (bytes): more news than fits is counted. */
const mostBytes = 700 * 1024
/** Nobody reads more in one mail. */
const mostInMail = 1_000
/** No other channel shows more, and those count what is left out themselves. */
const mostElsewhere = 100
/** What hangs on a cause, in words (characters), and how much of it as fields. */
const longestAffects = 600
const mostThings = 40

export interface Digest extends Fact {
  readonly body: Notification
}

/** One message for each addressee, as it lies in the outbox; none where nobody may hear. */
export function composeDigests(batch: Batch, site: Site, templates: Templates): Digest[] {
  const news = mergeNews(batch.news)
  const addressees = addresseesOf(news, site)
  const told = new Set(addressees.flatMap((to) => to.news))
  const saidOf = new Map([...told].map((one) => [one, say(one, batch.at)]))
  const composing = { batch, site, templates, saidOf }
  return addressees.map((to) => {
    const body = composeDigest(to, composing)
    const subject = notifySubject(to.channel, to.to)
    const isWord = to.news.every(({ notBy }) => notBy !== undefined)
    return { kind: 'fact', subject: isWord ? markAsWord(subject) : subject, id: body.id, body }
  })
}

interface Composing {
  readonly batch: Batch
  readonly site: Site
  readonly templates: Templates
  /** Each piece of news in words, which are the same for everybody. */
  readonly saidOf: ReadonlyMap<News, Said>
}
type Said = DigestFields['news'][number]

function composeDigest(to: Addressee, composing: Composing): Notification {
  const most = to.channel === 'email' ? mostInMail : mostElsewhere
  for (let shown = Math.min(to.news.length, most); ; shown = Math.floor(shown / 2)) {
    const message = withNews(shown, to, composing)
    if (shown <= 1 || Buffer.byteLength(JSON.stringify(message)) <= mostBytes) return message
  }
}

function withNews(
  shown: number,
  { channel, to, news }: Addressee,
  { batch: { id, at }, site, templates, saidOf }: Composing,
): Notification {
  const ofRuns = news.filter(({ kind }) => kind !== 'notice')
  const runs = runsOf(ofRuns)
  const lastRun = runs.at(-1)
  const traceUrl = traceUrlOf(ofRuns.findLast(({ run }) => run === lastRun)?.traceId, site)
  const services = [...new Set(news.map(({ service }) => service ?? ''))]
  const more = news.length - shown
  const told = news.slice(0, shown).flatMap((one) => saidOf.get(one) ?? [])
  const fields: DigestFields = {
    subject: subjectOf(news, at),
    test: news.some(({ isTest }) => isTest),
    news: told,
    more: channel === 'email' ? more : 0,
    ...{ runs, run: lastRun ?? null, traceUrl: traceUrl ?? null, installation: site.devEnvironmentLabel },
  }
  return {
    ...envelope(at),
    run: lastRun ?? runsOf(news).at(-1) ?? '',
    ...{ channel, to, id: `${id}.${channel}.${to}` },
    subject: cleanLine(templates.subject(fields)),
    text: `${templates.text(fields).trim()}\n`,
    ...(channel === 'email' ? { html: templates.html(fields) } : {}),
    rows: news.slice(0, Math.min(shown, mostElsewhere)).map((one) => rowOf(one, at)),
    ...(more > 0 ? { more } : {}),
    ...(services.length === 1 && services[0] ? { thread: services[0] } : {}),
    ...(traceUrl ? { traceUrl } : {}),
  }
}

const runsOf = (news: readonly News[]) => [...new Set(news.map(({ run }) => run))].toSorted()

/** The page of a trace, where the site has such pages. */
function traceUrlOf(traceId: string | undefined, { notifier }: Site): string | undefined {
  const url = traceId && notifier.traceLink?.replace(/\{\{-?\s*\.TraceID\s*-?\}\}/g, traceId)
  return url && URL.canParse(url) ? url : undefined
}

function say(one: News, now: string): Said {
  const { kind, entry, service, where, name, code, message, action, since, runs, expiry, cause, affected } =
    one
  return {
    kind,
    cause: cause ? cleanLine(labelOf(cause)) : null,
    affects: (affected && kind !== 'recovered' && cleanLine(sayAffected(affected), longestAffects)) || null,
    headline: cleanLine(headlineOf(one, now)),
    ...{ entry: entry ?? null, service: service ?? null, where: where ?? null, name: name ?? null },
    ...{ place: placeOf(one) || null, code: code ?? null },
    ...{ message: cleanLine(message) || null, action: cleanLine(action) || null },
    ...{ since: since ? clock(since, now) : null, runs: runs ?? null },
    expiry: expiry ? clock(expiry, now) : null,
  }
}

function rowOf(one: News, now: string): NewsRow {
  const { kind, entry, service, where, name, code, message, action, since, runs, cause, affected } = one
  return {
    ...{ kind, headline: cleanLine(headlineOf(one, now)) },
    ...{ message: cleanLine(message), action: cleanLine(action) },
    ...(entry && { entry }),
    ...(service && { service }),
    ...(where && { where }),
    ...(name && { name }),
    ...(cause && { cause: cause.name ? cause : { kind: cause.kind } }),
    ...(affected && { affected: { ...affected, things: affected.things.slice(0, mostThings) } }),
    ...(code && { code }),
    ...(since && { since }),
    ...(runs && { runs }),
  }
}
