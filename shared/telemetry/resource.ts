/** Who speaks, in traces and in logs: the daemon, its version, this machine, and which installation it belongs to. */
import { hostname } from 'node:os'
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import type { Site } from '../config/site.ts'
import type { Daemon } from '../subjects.ts'
import { version } from '../version.ts'

/** The attributes; those with `deployment` hold `devEnvironmentLabel`, under the predecessor's name as well. */
export const ownAttributes = (
  daemon: Daemon | 'cli',
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

/** With OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, which win. */
export const resourceOf = (daemon: Daemon | 'cli', site: Pick<Site, 'devEnvironmentLabel'>): Resource =>
  defaultResource()
    .merge(resourceFromAttributes(ownAttributes(daemon, site)))
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }))
