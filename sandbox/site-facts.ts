/** `site.json`: what the stand-in programs may know of the site they stand in, written once when it starts. */
import { readFileSync } from 'node:fs'
import type { SiteEntry } from './entry.ts'
import { layoutOf } from './layout.ts'

export interface SiteFacts {
  readonly realm: string
  readonly entries: readonly SiteEntry[]
  readonly credds: readonly string[]
  /** What the collector answers: the schedds that a constraint selects, by the collector's name. */
  readonly pools: readonly PoolFact[]
  /** `localhost:<port>`, as in the configuration. */
  readonly vaultServer: string
}

export interface PoolFact {
  readonly collector: string
  readonly constraint: string
  /** Names of the schedds, each also its credd's host. */
  readonly schedds: readonly string[]
}

/** The facts of the sandbox in `dir`; throws when no site was started there. */
export const readSiteFacts = (dir: string): SiteFacts =>
  JSON.parse(readFileSync(layoutOf(dir).facts, 'utf8')) as SiteFacts
