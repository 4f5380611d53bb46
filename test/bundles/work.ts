/** Suites of the pull loop and of leases, which wait for what runs out. */
import '../shared/work/consume/handle-message.test.ts'
import '../shared/work/consume/consume.test.ts'
import '../shared/work/consume/consume-stops.test.ts'
import '../shared/work/lease.test.ts'
