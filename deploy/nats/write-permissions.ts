/**
 * `node deploy/nats/write-permissions.ts`: writes `permissions.conf` beside itself, after a change of what users of the bus may do.
 * With `--lab NAME` or `--domain NAME` it prints a site's own: for one of several labs on a server, which goes into its `accounts`
 * block, or for a JetStream domain that leaf nodes reach.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { renderPermissionsFile } from '../../shared/bus/nats-conf.ts'
import { domainName } from '../../shared/config/sections/common.ts'

const { values } = parseArgs({ options: { lab: { type: 'string' }, domain: { type: 'string' } } })
for (const name of Object.values(values)) domainName.parse(name)
if (values.lab === undefined && values.domain === undefined)
  writeFileSync(new URL('permissions.conf', import.meta.url), renderPermissionsFile())
else process.stdout.write(renderPermissionsFile(values))
