/** The templates of the status page, every value in them escaped, and what a browser loads beside them. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Liquid } from 'liquidjs'
import type { Badge } from '../view/badge.ts'
import type { Row } from '../view/fleet.ts'

const engine = new Liquid({
  ...{ root: join(import.meta.dirname, 'templates'), cache: true, outputEscape: 'escape' },
  ...{ strictVariables: true, strictFilters: true, ownPropertyOnly: true },
})

const read = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8')

/** What is served as it is, by name. */
export const assets: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  'style.css': { type: 'text/css; charset=utf-8', text: read('style.css') },
  'live.js': { type: 'text/javascript; charset=utf-8', text: read('live.js') },
  'icon.svg': { type: 'image/svg+xml', text: read('icon.svg') },
}

/** Changes when one of them does. */
export const assetsVersion = createHash('sha256').update(JSON.stringify(assets)).digest('hex').slice(0, 10)

/** What every page says of its site. */
export interface SiteFields {
  readonly title: string
  /** Which installation it is. */
  readonly label: string
  /** What stands before every path; empty, or `/something`. */
  readonly base: string
  readonly help: string | null
  readonly assets: string
}

export type PageName = 'fleet' | 'experiment' | 'run' | 'use' | 'missing'

/** What every page has. */
export interface PageFields {
  readonly site: SiteFields
  readonly heading: string
  /** The line that says of which moment everything is. */
  readonly asOf: string
  /** Where its changes are told, empty where there are none; `growsOld`: it has words that change by themselves. */
  readonly live: { readonly url: string; readonly growsOld: boolean }
}

export const renderPage = (name: PageName, fields: PageFields & Readonly<Record<string, unknown>>): string =>
  engine.renderFileSync(`${name}.liquid`, fields)

export const renderRow = (row: Row, base: string): string =>
  (engine.renderFileSync('row.liquid', { row, base }) as string).trimEnd()

/** The line that says of which moment everything is. `away`: since when the bus is, else null. */
export const renderAsOf = (fields: { readonly now: string; readonly away: string | null }): string =>
  (engine.renderFileSync('as-of.liquid', fields) as string).trimEnd()

/** What stands above the list of all services. */
export const renderSummary = (
  fields: Readonly<Record<'fleet' | 'base' | 'lastRun' | 'next', unknown>>,
): string => (engine.renderFileSync('fleet-summary.liquid', fields) as string).trimEnd()

const colours = {
  ...{ fresh: '#0b6b4d', failing: '#b3151a', old: '#7d4e00', never: '#4a5464' },
  ...{ revoked: '#5f2c8c', unknown: '#4a5464' },
}

export const renderBadge = (badge: Badge): string =>
  engine.renderFileSync('badge.liquid', { badge, colour: colours[badge.state] })
