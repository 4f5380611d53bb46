/** The same for programs: JSON in the schemas of the requests on the bus, and a badge. */

import { time } from '../../../shared/contracts/messages.ts'
import { cleanTexts } from '../../../shared/contracts/one-sentence.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { serviceStatus, statusOf } from '../../../shared/work/service-status.ts'
import { wholeStatus } from '../ledger/answer-status.ts'
import type { LedgerRun } from '../ledger/ledger.ts'
import { ledgerRow } from '../ledger/ledger.ts'
import { renderBadge } from './html/render.ts'
import { asOfTime, nextOf, type PageDeps } from './pages.ts'
import { badgeOf } from './view/badge.ts'
import { isOf } from './view/experiment.ts'
import { inOrder, service } from './view/service.ts'

const asOf = time.describe('When this was so; older than now where the bus is away.')

export const servicesAnswer = z
  .object({ asOf, services: z.array(serviceStatus).readonly() })
  .describe('Every service as `managed-tokens services` lists it.')

export const experimentAnswer = z
  .object({
    ...{ asOf, experiment: z.string() },
    nextRun: time.nullable().describe('Null where no runs are scheduled.'),
    services: z.array(service).readonly().describe('What needs somebody first.'),
  })
  .describe('The services of an experiment, each with every place its token lies.')

const counts = z.object({ done: z.int(), failed: z.int(), superseded: z.int(), unfinished: z.int() })

export const runAnswer = z
  .object({
    run: z.string(),
    ...{ started: time, deadline: time, finished: time.nullable(), totals: counts },
    waiting: z.int().describe('Targets that have not ended.'),
    page: z.int().describe('Always 1: here it is whole.'),
    pages: z.int(),
    entries: z.array(ledgerRow).readonly(),
  })
  .describe('A run as `managed-tokens status` answers it.')

export const errorAnswer = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

export interface Api {
  services(): z.infer<typeof servicesAnswer>
  experiment(name: string): z.infer<typeof experimentAnswer> | undefined
  run(run: LedgerRun): Promise<z.infer<typeof runAnswer>>
  /** An SVG; of an experiment that is not there as well: a wiki shows no broken picture. */
  badge(name: string): string
}

export function openApi({ site, facts, board, ledger, connection }: PageDeps): Api {
  const servicesOf = (name: string) => inOrder(board.services((entry) => isOf(name, entry)))
  return {
    services: () => ({
      asOf: asOfTime(connection),
      services: site().entries.map((entry) =>
        cleanTexts(statusOf(entry, facts.records(entry), facts.uid(entry.account), Date.now())),
      ),
    }),
    experiment(experiment) {
      const services = servicesOf(experiment)
      if (services.length === 0) return undefined
      return { asOf: asOfTime(connection), experiment, nextRun: nextOf(site())?.iso ?? null, services }
    },
    run: async (run) => wholeStatus(run, cleanTexts(await ledger.readRows(run))),
    badge: (name) => renderBadge(badgeOf(name, servicesOf(name)[0]?.state ?? 'unknown')),
  }
}
