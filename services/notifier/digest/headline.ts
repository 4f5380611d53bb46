/** Says each piece of news in one sentence, and all of a message in its subject. Pure. */
import { formatDuration } from '../../../shared/config/schema/duration.ts'
import type { NewsKind } from '../../../shared/contracts/messages.ts'
import { counted, countServices } from '../failures/affected.ts'
import { labelOf } from '../failures/cause.ts'
import type { News } from '../news/news.ts'

const minuteMs = 60_000

/** `dune_production: token not on dunegpvm07 since 06:58 UTC (3 runs)`. `now` decides whether a time needs its date. */
export function headlineOf(one: News, now: string): string {
  const about = one.entry ?? (one.cause ? labelOf(one.cause) : 'managed-tokens')
  if (isOfMany(one)) return `${about}: ${ofMany(one, now)}`
  return `${about}: ${sayings[one.kind](one, now)}`
}

/** Several things hang on one cause: it is about that. */
const isOfMany = ({ affected }: News) => affected !== undefined && affected.total > 1

function ofMany(one: News, now: string): string {
  const services = countServices(one.affected ?? { entries: [] })
  if (one.kind === 'expiring') return `${tokensOf(one)} are not replaced; the first ${endsAt(one, now)}`
  if (one.kind === 'recovered' && !one.cause) return `${tokensOf(one)} are replaced again`
  if (one.kind === 'recovered') return `tokens of ${services} are renewed again after ${lasted(one)}`
  return `${services} without new tokens${sinceOf(one, now)}`
}

/** Where the news is, as people say it: `node dunegpvm07`. */
export function placeOf({ where, name }: News): string {
  if (where === undefined) return ''
  return where === 'refresh' ? 'no token was made' : `${where} ${name}`
}

const sayings: Record<NewsKind, (one: News, now: string) => string> = {
  failure: (one, now) => `${missing(one)}${sinceOf(one, now)}`,
  authentication: (one, now) => `${missing(one)}${sinceOf(one, now)}: somebody has to log in`,
  expiring: (one, now) => {
    const isOver = Date.parse(one.expiry ?? '') <= Date.parse(now)
    return `${tokenAt(one)} ${endsAt(one, now)}${isOver ? '' : ', and is not replaced'}`
  },
  silence: ({ since = '' }, now) => `no run has finished since ${clock(since, now)}`,
  recovered: (one) =>
    one.where ? `${working(one)} again after ${lasted(one)}` : `runs finish again after ${lasted(one)}`,
  notice: ({ title = '' }) => title,
  completed: () => 'Test run completed successfully',
  test: () => 'a test message',
}

function endsAt({ expiry = '' }: News, now: string): string {
  const left = Date.parse(expiry) - Date.parse(now)
  return left <= 0
    ? `has ended at ${clock(expiry, now)}`
    : `ends in ${roughly(left)}, at ${clock(expiry, now)}`
}

const tokensOf = ({ affected }: News) =>
  `${counted(affected?.total ?? 0, 'token')} of ${countServices(affected ?? { entries: [] })}`

const tokenAt = ({ where, name }: Pick<News, 'where' | 'name'>) =>
  where === 'credd' ? `token in ${name}` : where === 'node' ? `token on ${name}` : 'token'

function missing({ where, name }: News): string {
  if (where === 'refresh') return 'no token'
  return where === 'credd' ? `token not in ${name}` : `token not on ${name}`
}

const working = (one: News) => (one.where === 'refresh' ? 'tokens are made' : tokenAt(one))

function sinceOf({ since, runs = 1 }: News, now: string): string {
  return since ? ` since ${clock(since, now)} (${runs} ${runs === 1 ? 'run' : 'runs'})` : ''
}

function lasted({ since, at: until, runs }: News): string {
  const time = roughly(Math.max(0, Date.parse(until) - Date.parse(since ?? until)))
  return runs ? `${time} (${runs} ${runs === 1 ? 'run' : 'runs'})` : time
}

/** Whole minutes, and from a day on whole hours: nobody wants the seconds. */
function roughly(ms: number): string {
  const unit = ms >= 24 * 60 * minuteMs ? 60 * minuteMs : minuteMs
  return formatDuration(Math.max(minuteMs, Math.floor(ms / unit) * unit))
}

/** `06:58 UTC`, with the date where that is not today. */
export function clock(time: string, now: string): string {
  const [utc, today] = [new Date(time).toISOString(), new Date(now).toISOString().slice(0, 10)]
  const [day, hour] = [utc.slice(0, 10), utc.slice(11, 16)]
  return `${day === today ? '' : `${day} `}${hour} UTC`
}

const nouns: Record<NewsKind, readonly [one: string, many: string]> = {
  failure: ['failure', 'failures'],
  authentication: ['login needed', 'logins needed'],
  expiring: ['token about to end', 'tokens about to end'],
  silence: ['silence', 'silences'],
  recovered: ['recovered', 'recovered'],
  notice: ['notice', 'notices'],
  completed: ['run completed', 'runs completed'],
  test: ['test', 'tests'],
}

/** How many services a subject names. */
const mostNames = 4

/** Says it in the subject where there is one thing to say, and counts by kind otherwise. */
export function subjectOf(all: readonly News[], now: string): string {
  const [first] = all
  if (!first) return 'managed-tokens: nothing to tell'
  if (all.length === 1) return headlineOf(first, now)
  const entries = [...new Set(all.flatMap(({ entry, affected }) => entry ?? affected?.entries ?? []))]
  if (entries.length === 1 && all.every(({ entry }) => entry))
    return `${headlineOf(first, now)} and ${all.length - 1} more`
  const kinds = [...new Set(all.map(({ kind }) => kind))].map((kind) => {
    const count = all.filter((one) => one.kind === kind).length
    return `${count} ${nouns[kind][count === 1 ? 0 : 1]}`
  })
  const names = entries.slice(0, mostNames).join(', ')
  const more = entries.length > mostNames ? ', …' : ''
  const services = entries.length > 0 ? ` in ${entries.length} services: ${names}${more}` : ''
  return `managed-tokens: ${kinds.join(', ')}${services}`
}
