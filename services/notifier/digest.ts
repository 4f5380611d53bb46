/** Composes the messages of a batch of news: one for each addressee, by templates, small enough for the bus. Pure. */
import type { Site } from '../../shared/config/site.ts'
import { type NewsRow, type Notification, schemaVersion } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import { type Addressee, addresseesOf } from './addressees.ts'
import { clock, headlineOf, placeOf, subjectOf } from './headline.ts'
import { mergeNews, type News } from './news.ts'
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
/** Nobody reads more in one message. */
const mostShown = 1_000
/** Rows for who lays the news out anew or counts it: nobody shows more. */
const mostRows = 100

/** One message for each addressee; none where nobody may hear. */
export function composeDigests(batch: Batch, site: Site, templates: Templates): Notification[] {
  return addresseesOf(mergeNews(batch.news), site).map((one) => composeDigest(one, batch, site, templates))
}

function composeDigest(to: Addressee, batch: Batch, site: Site, templates: Templates): Notification {
  for (let shown = Math.min(to.news.length, mostShown); ; shown = Math.floor(shown / 2)) {
    const message = withNews(shown, to, batch, site, templates)
    if (shown <= 1 || Buffer.byteLength(JSON.stringify(message)) <= mostBytes) return message
  }
}

function withNews(
  shown: number,
  { channel, to, news }: Addressee,
  { id, at }: Batch,
  site: Site,
  templates: Templates,
): Notification {
  const runs = [...new Set(news.map(({ run }) => run))].toSorted()
  const run = runs.at(-1) ?? ''
  const traceUrl = traceUrlOf(news.findLast((one) => one.run === run)?.traceId, site)
  const services = [...new Set(news.map(({ service }) => service ?? ''))]
  const told = news.slice(0, shown)
  const fields: DigestFields = {
    subject: subjectOf(news, at),
    test: news.some(({ isTest }) => isTest),
    news: told.map((one) => fieldsOf(one, at)),
    more: news.length - shown,
    ...{ runs, run, traceUrl: traceUrl ?? null, installation: site.devEnvironmentLabel },
  }
  return {
    ...{ schema: schemaVersion, run, at, channel, to, id: `${id}.${channel}.${to}` },
    subject: cleanLine(templates.subject(fields)),
    text: `${templates.text(fields).trim()}\n`,
    ...(channel === 'email' ? { html: templates.html(fields) } : {}),
    rows: told.slice(0, mostRows).map((one) => rowOf(one, at)),
    ...(fields.more > 0 ? { more: fields.more } : {}),
    ...(services.length === 1 && services[0] ? { thread: services[0] } : {}),
    ...(traceUrl ? { traceUrl } : {}),
  }
}

/** The page of a trace, where the site has such pages. */
function traceUrlOf(traceId: string | undefined, { notifier }: Site): string | undefined {
  const url = traceId && notifier.traceLink?.replace(/\{\{-?\s*\.TraceID\s*-?\}\}/g, traceId)
  return url && URL.canParse(url) ? url : undefined
}

function fieldsOf(one: News, now: string): DigestFields['news'][number] {
  const { kind, entry, service, where, name, code, message, action, since, runs, expiry } = one
  return {
    kind,
    headline: cleanLine(headlineOf(one, now)),
    ...{ entry: entry ?? null, service: service ?? null, where: where ?? null, name: name ?? null },
    ...{ place: placeOf(one) || null, code: code ?? null },
    ...{ message: cleanLine(message) || null, action: cleanLine(action) || null },
    ...{ since: since ? clock(since, now) : null, runs: runs ?? null },
    expiry: expiry ? clock(expiry, now) : null,
  }
}

function rowOf(one: News, now: string): NewsRow {
  const { kind, entry, service, where, name, code, message, action, since, runs } = one
  return {
    ...{ kind, headline: cleanLine(headlineOf(one, now)) },
    ...{ message: cleanLine(message), action: cleanLine(action) },
    ...(entry && { entry }),
    ...(service && { service }),
    ...(where && { where }),
    ...(name && { name }),
    ...(code && { code }),
    ...(since && { since }),
    ...(runs && { runs }),
  }
}
