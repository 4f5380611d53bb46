/** The pages for people, each made from what is known at this moment. */
import { cronTimes } from '../../../shared/config/cron-times.ts'
import { isWebUrl } from '../../../shared/config/schema/grammar.ts'
import type { Site } from '../../../shared/config/site.ts'
import { timestamp } from '../../../shared/contracts/messages.ts'
import { cleanTexts } from '../../../shared/contracts/one-sentence.ts'
import { wholeStatus } from '../ledger/answer-status.ts'
import type { LedgerRun } from '../ledger/ledger.ts'
import type { LedgerStore } from '../ledger/ledger-store.ts'
import type { Board } from './board.ts'
import type { Connection } from './connection.ts'
import type { Facts } from './facts/facts.ts'
import type { RecentRuns } from './facts/recent-runs.ts'
import {
  assetsVersion,
  type PageFields,
  renderAsOf,
  renderPage,
  renderSummary,
  type SiteFields,
} from './html/render.ts'
import { blocksOf, isOf, type Moment, nextRun } from './view/experiment.ts'
import { type Filter, fleetOf, headlineOf } from './view/fleet.ts'
import { guideOf } from './view/guide.ts'
import { runView } from './view/run.ts'
import { ago, exact } from './view/words.ts'

export interface PageDeps {
  readonly site: () => Site
  readonly ledger: Pick<LedgerStore, 'readRun' | 'readRows'>
  readonly facts: Facts
  readonly board: Board
  readonly recent: RecentRuns
  readonly connection: Pick<Connection, 'awaySince'>
  /** What stands before every path. */
  readonly base: string
}

/** Each as HTML; undefined where there is no such thing. */
export interface Pages {
  fleet(filter: Filter): Promise<string>
  experiment(name: string): Promise<string | undefined>
  use(name: string): string | undefined
  run(run: LedgerRun): Promise<string>
  missing(heading: string, why: string): string
  asOf(): string
  summary(): Promise<string>
}

export function openPages(deps: PageDeps): Pages {
  const { site, ledger, facts, board, recent, connection, base } = deps

  const siteFields = (): SiteFields => {
    const { title, links } = settingsOf(site())
    return {
      ...{ title, base, label: site().devEnvironmentLabel, assets: assetsVersion },
      help: links.help ?? null,
    }
  }
  const asOf = () => {
    const away = connection.awaySince()
    return renderAsOf({ now: exact(away ?? Date.now()), away: away === undefined ? null : exact(away) })
  }
  const fieldsOf = (heading: string, url = '', growsOld = false): PageFields => ({
    ...{ heading, site: siteFields(), asOf: asOf(), live: { url: url && `${base}${url}`, growsOld } },
  })
  const summaryOf = async (fleet: ReturnType<typeof fleetOf>) => {
    const [last] = await recent.all()
    const lastRun = last && { run: last.run, words: ago(last.started, Date.now()) }
    return { fleet, base, lastRun: lastRun ?? null, next: nextOf(site()) }
  }

  return {
    asOf,
    summary: async () => renderSummary(await summaryOf(fleetOf(board.services(), { q: '', state: '' }))),
    async fleet(filter) {
      const fleet = fleetOf(board.services(), filter)
      const url = filter.q === '' && filter.state === '' ? '/live' : '/live?some'
      return renderPage('fleet', {
        ...{ ...fieldsOf('All services', url), ...(await summaryOf(fleet)) },
        rows: fleet.rows.map(({ entry }) => board.row(entry)).join('\n'),
      })
    },
    async experiment(name) {
      const services = board.services((entry) => isOf(name, entry))
      if (services.length === 0) return undefined
      const now = Date.now()
      return renderPage('experiment', {
        ...fieldsOf(name, `/live/experiments/${encodeURIComponent(name)}`, true),
        ...{ name, ...headlineOf(services), blocks: blocksOf(services, now), next: nextOf(site()) },
        runs: await recent.marksOf(services.map(({ entry }) => entry)),
      })
    },
    use(name) {
      const entries = site().entries.filter((entry) => isOf(name, entry))
      if (entries.length === 0) return undefined
      const guides = entries.map((entry) => guideOf(entry, facts.uid(entry.account)))
      return renderPage('use', { ...fieldsOf(`How to use the tokens of ${name}`), name, guides })
    },
    async run(run) {
      const status = wholeStatus(run, cleanTexts(await ledger.readRows(run)))
      return renderPage('run', {
        ...fieldsOf(`Run ${run.run}`, `/live/runs/${run.run}`, true),
        ...{ run: runView(status, Date.now()), trace: traceOf(run, site()) },
      })
    },
    missing: (heading, why) => renderPage('missing', { ...fieldsOf(heading), why }),
  }
}

type Settings = NonNullable<Site['notifier']['statusPage']>

/** Of a page that is served: who takes them out of the configuration does not stop it. */
const settingsOf = ({ notifier }: Pick<Site, 'notifier'>): Pick<Settings, 'title' | 'links'> =>
  notifier.statusPage ?? { title: 'Grid tokens', links: {} }

export function nextOf({ schedule }: Pick<Site, 'schedule'>, now = Date.now()): Moment | null {
  if (schedule.cron === false) return null
  return nextRun(cronTimes(schedule.cron, schedule.timeZone)(now)?.next, now)
}

/** Where the trace of a run can be seen; only ever a web page. */
function traceOf({ traceId }: LedgerRun, { notifier }: Pick<Site, 'notifier'>): string | null {
  const template = notifier.statusPage?.links.trace ?? notifier.traceLink
  const url = traceId && template?.replace(/\{\{-?\s*\.TraceID\s*-?\}\}/g, traceId)
  return url && isWebUrl(url) ? url : null
}

/** When a page was made, for those who read it by program. */
export const asOfTime = ({ awaySince }: Pick<Connection, 'awaySince'>): string =>
  timestamp(new Date(awaySince() ?? Date.now()))
