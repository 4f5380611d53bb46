/** Suites of the sandbox’s own parts, each with a directory of its own. */
import '../sandbox/ferry.test.ts'
import '../sandbox/programs-condor-tools.test.ts'
import '../sandbox/site-config.test.ts'
import '../sandbox/site-directory.test.ts'
import '../sandbox/site-sinks.test.ts'
import '../sandbox/site-verify.test.ts'
import '../sandbox/site-wrappers.test.ts'
import '../sandbox/vault.test.ts'
