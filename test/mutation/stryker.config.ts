/** What is mutated, and which tests are asked, the quick ones first: most mutants die before the slow ones have begun. */
export default {
  mutate: ['shared/work/**/*.ts', 'services/notifier/ledger/*.ts', 'services/storer/exclusive/*.ts'],
  testRunner: 'tap',
  plugins: ['@stryker-mutator/tap-runner'],
  tap: {
    testFiles: [
      'test/services/storer/exclusive/!(in-lane).test.ts',
      'test/services/storer/private-run/stage.test.ts',
      'test/services/notifier/ledger/*.test.ts',
      'test/shared/work/!(lease|once-per-target).test.ts',
      'test/shared/work/consume/!(consume|consume-stops).test.ts',
      'test/faults/history.faults.ts',
      'test/services/notifier/watch/watches.test.ts',
      'test/shared/work/once-per-target.test.ts',
      'test/services/notifier/failures/causes.test.ts',
      'test/services/storer/exclusive/in-lane.test.ts',
      'test/shared/work/lease.test.ts',
      'test/shared/work/consume/consume.test.ts',
      'test/shared/work/consume/consume-stops.test.ts',
    ],
    nodeArgs: ['--test-reporter=tap'],
  },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // Beside one and a half times of what its tests take: a busy machine is no kill.
  timeoutMS: 30_000,
  incremental: true,
  incrementalFile: '.mutation/results.json',
  reporters: ['clear-text', 'html', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false },
  htmlReporter: { fileName: '.mutation/report.html' },
  tempDirName: '.mutation/tmp',
  ignorePatterns: ['.git', '.node', '.mutation', '.interop', '.sandbox'],
  // Node takes the types away by itself: nothing is compiled, and Stryker needs no compiler.
  tsconfigFile: 'none',
}
