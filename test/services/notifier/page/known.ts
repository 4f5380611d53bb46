/** What a status page knows, for tests: records as the daemons write them, of the site in `build.ts`. */

import type { Facts } from '../../../../services/notifier/page/facts/facts.ts'
import { type Known, type Service, serviceOf } from '../../../../services/notifier/page/view/service.ts'
import type { Entry, Site } from '../../../../shared/config/site.ts'
import { errorOf, failure } from '../../../../shared/contracts/errors.ts'
import type { ReasonCode } from '../../../../shared/contracts/reasons.ts'
import { refreshSubject } from '../../../../shared/contracts/subjects.ts'
import type { TargetRecord } from '../../../../shared/work/target-record.ts'
import { at, runIds, siteOf } from '../../build.ts'

/** Twenty minutes after the first run. */
export const now = Date.parse(at(20))
export const hourly = { periodMs: 3_600_000, runMs: 600_000, warnBeforeMs: 2 * 86_400_000 }

export const recordOf = (more: Partial<TargetRecord> = {}): TargetRecord => ({
  ...{ entry: 'dune_production', run: runIds[0], holder: 'h', attempts: 1, lastAttempt: at(1) },
  ...more,
})
export const doneAt = (minutes: number, more: Partial<TargetRecord> = {}): TargetRecord =>
  recordOf({
    ...{
      lastSuccess: at(minutes),
      expiry: at(7 * 24 * 60),
      ended: { run: runIds[0], kind: 'done', messages: [] },
    },
    ...more,
  })
export const failedWith = (code: ReasonCode, message = 'It broke.'): TargetRecord => ({
  ...doneAt(-60),
  ended: { run: runIds[0], kind: 'failed', failure: errorOf(failure(code, message)).failure as never },
})

export const knownOf = (
  records: Readonly<Record<string, TargetRecord>>,
  more: Partial<Known> = {},
): Known => ({
  targets: (key) => records[key],
  credds: () => [],
  failed: () => undefined,
  problem: () => undefined,
  uid: () => undefined,
  ...more,
})

/** The same as what a page follows; nothing changes. */
export const factsOf = (
  records: Readonly<Record<string, TargetRecord>>,
  more: Partial<Known> = {},
): Facts => ({
  ...knownOf(records, more),
  records: (entry) => Object.entries(records).filter(([key]) => isOfEntry(key, entry)),
  onChange: () => ({ [Symbol.dispose]() {} }),
  [Symbol.dispose]() {},
})
const isOfEntry = (key: string, entry: Entry) =>
  key.split('.').slice(1, 3).join('.') === refreshSubject(entry).slice('refresh.'.length)

export const keys = {
  token: 'refresh.dune.production',
  node1: 'push.dune.production.node1_lab_example',
  node2: 'push.dune.production.node2_lab_example',
}
/** Everything of `dune_production` as it was a moment ago. */
export const allFresh = { [keys.token]: doneAt(2), [keys.node1]: doneAt(3), [keys.node2]: doneAt(3) }

export const servicesOf = (known: Known, site: Pick<Site, 'entries'> = siteOf()): Service[] =>
  site.entries.map((entry) => serviceOf(entry, known, hourly, now))
