/** Protections that the metamorphic soak misses when they are taken out, and those that it has brought. */
import type { Protection } from '../protection.ts'

const soak = {
  test: 'test/soak/metamorphic.soak.ts',
  name: 'all that has to hold holds under faults',
}
const causes = 'test/services/notifier/failures/causes.test.ts'

export const protections: readonly Protection[] = [
  {
    row: 34,
    file: 'shared/kerberos/kinit.ts',
    line: '      await rm(directory, { recursive: true, force: true })\n',
    without: '',
    ...soak,
  },
  {
    row: 34,
    file: 'services/distributor/transport/place.sh',
    line: 'case $2 in 400) umask 266 ;;',
    without: 'case $2 in 400) umask 022 ;;',
    ...soak,
  },
  {
    row: 34,
    file: 'services/storer/private-run/run-files.ts',
    line: '  await rm(run.home, { recursive: true, force: true })\n',
    without: '',
    ...soak,
  },
  {
    row: 6,
    file: 'shared/work/consume/consume.ts',
    line: 'consumer = await patiently(() => unlessMissing(find), { signal: stop.signal })',
    without: 'consumer = await patiently(find, { signal: stop.signal })',
    test: 'test/shared/work/consume/consume-stops.test.ts',
    name: 'makes its consumer again when it was removed just as it had made it',
  },
  {
    row: 38,
    file: 'services/notifier/news/cause-news.ts',
    line: 'joinAffected(affectedBy(group, occasion, site), affectedOf(untried, []))',
    without: 'affectedBy(group, occasion, site)',
    test: causes,
    name: 'of which a run of some services tried only some is told with what fails by it still',
  },
  {
    row: 40,
    file: 'services/notifier/handle.ts',
    line: '  if (body.revocation) await forgetEntries(failures, run.entries)\n',
    without: '',
    test: causes,
    name: 'is over without what was revoked meanwhile, which is told by itself',
  },
  {
    row: 38,
    file: 'services/notifier/failures/consecutive-failures.ts',
    line: 'if (cause && run === before.lastRun && cause !== before.cause) return { ...before, cause }',
    without: '',
    test: causes,
    name: 'by which something fails late, which failed with its refresh before, is over when that works',
  },
  {
    row: 38,
    file: 'services/notifier/failures/consecutive-failures.ts',
    line: 'if (!as || !before.affected) return before',
    without: 'if (!as || !before.affected || run < before.lastRun) return before',
    test: causes,
    name: 'of which an older run tells more, when it ends after a newer one, is over for all',
  },
]
