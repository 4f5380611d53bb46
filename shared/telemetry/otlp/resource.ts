/** Who speaks, in traces and in logs: the daemon, its version, this machine, and which installation it belongs to. */
import { hostname } from 'node:os'
import type { Site } from '../../config/site.ts'
import type { Daemon } from '../../contracts/subjects.ts'
import { version } from '../../release/version.ts'

/** The attributes; those with `deployment` hold `devEnvironmentLabel`, under the predecessor's name as well. */
export const ownAttributes = (
  daemon: Daemon,
  { devEnvironmentLabel }: Pick<Site, 'devEnvironmentLabel'>,
) => ({
  'service.name': `managed-tokens-${daemon}`,
  'service.namespace': 'managed-tokens',
  'service.version': version,
  'service.instance.id': `${hostname()}:${process.pid}`,
  'host.name': hostname(),
  'process.pid': process.pid,
  'deployment.environment.name': devEnvironmentLabel,
  'deployment.environment': devEnvironmentLabel,
})
