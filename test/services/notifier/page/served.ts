/** The page's server without a bus: what is known stands in the test. */
import type { FastifyInstance } from 'fastify'
import type { LedgerRow, LedgerRun } from '../../../../services/notifier/ledger/ledger.ts'
import { openApi } from '../../../../services/notifier/page/api.ts'
import { openBoard } from '../../../../services/notifier/page/board.ts'
import type { Facts } from '../../../../services/notifier/page/facts/facts.ts'
import { followRuns } from '../../../../services/notifier/page/facts/recent-runs.ts'
import { openPages } from '../../../../services/notifier/page/pages.ts'
import { createServer } from '../../../../services/notifier/page/server.ts'
import { openStreams } from '../../../../services/notifier/page/streams.ts'
import type { Site } from '../../../../shared/config/site.ts'
import { at } from '../../build.ts'

export interface Served {
  readonly site: Site
  readonly facts: Facts
  readonly runs?: readonly LedgerRun[]
  readonly rows?: readonly LedgerRow[]
  /** Since when the bus is away (milliseconds since the epoch). */
  readonly away?: number
}

export const runOf = (run: string, more: Partial<LedgerRun> = {}): LedgerRun => ({
  ...{ run, started: at(0), deadline: at(10), finished: at(1), mode: { push: true, notify: true } },
  ...{ entries: ['dune_production', 'nova_production'], ...more },
})

/** Does not listen: it is asked by `inject`. */
export async function serve({ site, facts, runs = [], rows = [], away }: Served): Promise<FastifyInstance> {
  const base = site.notifier.statusPage?.basePath ?? ''
  const ledger = {
    latestRuns: async () => runs,
    readRun: async (id: string) => runs.find(({ run }) => run === id),
    readRow: async (id: string, entry: string) => rows.find((row) => row.run === id && row.entry === entry),
    readRows: async ({ run }: LedgerRun) => rows.filter((row) => row.run === run),
  }
  const known = {
    ...{ site: () => site, ledger, facts, base, recent: followRuns(ledger, facts) },
    ...{ board: openBoard(() => site, facts, base), connection: { awaySince: () => away } },
  }
  const warn = (error: unknown) => {
    throw error
  }
  return createServer({
    ...{ base, title: 'Tokens', pages: openPages(known), api: openApi(known), streams: openStreams(), warn },
    readRun: ledger.readRun,
  })
}
