/** The suites that look at one run over the whole site (`test/support/whole-run.ts`); the last one stops it. */
import '../parity/site.test.ts'
import '../pipeline/run.test.ts'
