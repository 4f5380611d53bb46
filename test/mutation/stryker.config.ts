/** Stryker's configuration for the group of files that MUTATION_GROUP names. */
import { groups } from './groups.ts'

const name = process.env.MUTATION_GROUP ?? ''
const { mutate, tests } = groups[name] ?? {}
if (!mutate) throw new Error(`no such group: "${name}" is none of ${Object.keys(groups).join(', ')}`)

export default {
  mutate,
  testRunner: 'tap',
  plugins: ['@stryker-mutator/tap-runner'],
  tap: { testFiles: tests, nodeArgs: ['--test-reporter=tap'] },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // Beside one and a half times of what its tests take: a busy machine is no kill.
  timeoutMS: 10_000,
  incremental: true,
  incrementalFile: `.mutation/${name}.json`,
  reporters: ['clear-text', 'html', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: `.mutation/${name}.html` },
  tempDirName: '.mutation/tmp',
  ignorePatterns: ['.git', '.node', '.mutation', '.interop', '.sandbox'],
  // Node takes the types away by itself: nothing is compiled, and Stryker needs no compiler.
  tsconfigFile: 'none',
}
