/** `node deploy/nats/write-permissions.ts`: writes `permissions.conf` beside itself, after a change of what users of the bus may do. */
import { writeFileSync } from 'node:fs'
import { renderPermissionsFile } from '../../shared/bus/nats-conf.ts'

writeFileSync(new URL('permissions.conf', import.meta.url), renderPermissionsFile())
