/** What is mutated, and which tests are asked, the quick ones first: most mutants die before the slow ones have begun. */

export interface Group {
  /** Files, and no others: patterns of Stryker. */
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
}

export const groups: Readonly<Record<string, Group>> = {
  work: {
    mutate: ['shared/work/*.ts', '!shared/work/lease.ts'],
    tests: [
      'test/shared/work/!(lease|lease-asks|once-per-target).test.ts',
      'test/services/refresher/requests.test.ts',
      'test/shared/work/once-per-target.test.ts',
    ],
  },
  lease: {
    mutate: ['shared/work/lease.ts'],
    tests: ['test/shared/work/lease-asks.test.ts', 'test/shared/work/lease.test.ts'],
  },
  exclusive: {
    mutate: ['services/storer/exclusive/*.ts'],
    tests: [
      'test/services/storer/exclusive/exclusive-queue.test.ts',
      'test/services/storer/exclusive/!(exclusive-queue|in-lane|lane-rules).test.ts',
      'test/services/storer/private-run/stage.test.ts',
      'test/services/storer/exclusive/lane-rules.test.ts',
      'test/services/storer/exclusive/in-lane.test.ts',
    ],
  },
  ledger: {
    mutate: ['services/notifier/ledger/*.ts'],
    tests: [
      'test/services/notifier/ledger/!(ledger-store).test.ts',
      'test/services/notifier/ledger/ledger-store.test.ts',
      'test/services/notifier/watch/watches.test.ts',
      'test/services/notifier/failures/causes.test.ts',
    ],
  },
  consume: {
    mutate: ['shared/work/consume/*.ts'],
    tests: [
      'test/shared/work/consume/!(consume|consume-stops).test.ts',
      'test/shared/work/consume/consume.test.ts',
      'test/shared/work/consume/consume-stops.test.ts',
    ],
  },
}
