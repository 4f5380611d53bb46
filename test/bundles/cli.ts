/** Suites that type commands where there is no site, or a nats-server alone. */
import '../cli/log-in.test.ts'
import '../cli/notify-test.test.ts'
import '../cli/hostile-texts.test.ts'
import '../cli/bus-upgrade.test.ts'
import '../cli/up/child.test.ts'
import '../cli/up/up.test.ts'
import '../pipeline/wrong-configuration.test.ts'
