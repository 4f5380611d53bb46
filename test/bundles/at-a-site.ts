/** The suites that type commands at one site (`test/support/typed-site.ts`): to start a site costs more than most of them do. */
import '../cli/uids.test.ts'
import '../cli/command-line.test.ts'
import '../cli/onboard.test.ts'
import '../cli/doctor/doctor.test.ts'
import '../pipeline/refresher-reload.test.ts'
