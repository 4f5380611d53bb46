/** `managed-tokens explain SERVICE`: each value of an entry, and which line of the file it comes from. */
import type { Origin, Origins } from '../shared/config/resolve/origin.ts'
import { formatDuration } from '../shared/config/schema/duration.ts'
import { defaultRoleFile } from '../shared/config/schema/schema.ts'
import type { Entry, Site } from '../shared/config/site.ts'
import { describeUnknown, nearestService, serviceName } from './arguments/find-service.ts'

export interface Explained {
  readonly value: unknown
  readonly source: Origin['source']
  readonly key?: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

export interface Explanation {
  /** 0: explained; 2: no such entry. */
  readonly exitCode: 0 | 2
  readonly text: string
  readonly json:
    | { readonly entry: string; readonly values: Readonly<Record<string, Explained>> }
    | {
        readonly error: {
          readonly code: 'unknown-service'
          readonly message: string
          readonly nearest?: string
        }
      }
}

const order = [
  'service',
  'account',
  'desiredUid',
  'principal',
  'keytab',
  'credkey',
  'tokenGetter',
  'oidc',
  'vaultServer',
  'storerMethod',
  'minTokenLifetime',
  'collectors',
  'scheddConstraint',
  'credds',
  'vaultTokenRoot',
  'nodes',
  'deliver',
  'roleFileTemplate',
  'tokenDirectoryTemplate',
  'transport',
  'identityFile',
  'sshOptions',
  'fileCopierOptions',
  'emails',
  'disableNotifications',
] as const satisfies readonly (keyof Entry)[]

const whenAbsent: Partial<Record<keyof Entry, string>> = {
  desiredUid: '(FERRY tells it, or each node)',
  principal: '(no ticket is needed)',
  keytab: '(no ticket is needed)',
  identityFile: '(none: its ticket opens the nodes, or they are local)',
  credds: '(the collector tells them)',
  vaultServer: '(the environment or HTCondor tells it)',
  scheddConstraint: '(every schedd)',
}

/** Explains the entry `name` (as configured, in any case). */
export function explainService(site: Site, origins: Origins, name: string): Explanation {
  const entry = site.entries.find((one) => one.name === serviceName(name))
  if (!entry) return unknownService(site, name)
  const from = origins.get(entry.name)
  const rows = order.map((key) => ({
    key,
    value: entry[key],
    origin: from?.get(key) ?? { source: 'default' as const },
  }))
  const width = Math.max(...rows.map(({ key }) => key.length))
  const lines = rows.map(({ key, value, origin }) => {
    const shown =
      key === 'deliver'
        ? showDelivery(entry.deliver)
        : value === undefined
          ? (whenAbsent[key] ?? '(none)')
          : showValue(value)
    return `  ${key.padEnd(width)}  ${shown}  — ${showOrigin(site.file, origin)}${notWhatItWas(key, origin)}`
  })
  return {
    exitCode: 0,
    text: [entry.name, ...lines].join('\n'),
    json: {
      entry: entry.name,
      values: Object.fromEntries(
        rows.map(({ key, value, origin }) => [key, located(site.file, value, origin)]),
      ),
    },
  }
}

function unknownService(site: Site, name: string): Explanation {
  const near = nearestService(site, name)
  const message = describeUnknown(site, name)
  return {
    exitCode: 2,
    text: message,
    json: { error: { code: 'unknown-service', message, ...(near ? { nearest: near } : {}) } },
  }
}

const located = (file: string, value: unknown, { source, key, line, column }: Origin): Explained => ({
  value: value ?? null,
  source,
  ...(key === undefined || line === undefined || column === undefined ? {} : { key, file, line, column }),
})

const showValue = (value: unknown) => {
  if (Array.isArray(value)) return value.join(' ') || '(none)'
  return typeof value === 'object' ? Object.values(value ?? {}).join(', ') : String(value)
}

const showDelivery = ({ vault, bearers }: Entry['deliver']) =>
  [
    ...(vault ? ['vault'] : []),
    ...bearers.map(({ scopes, audience, purpose, path, newline, format, minimumLifetime }) =>
      [
        purpose === undefined ? 'bearer' : `bearer ${purpose}`,
        `(${[...scopes, ...audience.map((one) => `for ${one}`)].join(' ')})`,
        ...(path === undefined ? [] : [`as ${path}`]),
        ...(newline === false ? ['without a newline'] : []),
        ...(format === undefined ? [] : [`in ${format}`]),
        ...(minimumLifetime === undefined ? [] : [`with at least ${formatDuration(minimumLifetime)} left`]),
      ].join(' '),
    ),
  ].join(', ')

/** The one default that the predecessor has otherwise. */
const notWhatItWas = (key: keyof Entry, { source }: Origin) =>
  key === 'roleFileTemplate' && source === 'default'
    ? ` (the predecessor’s is ${defaultRoleFile.predecessors})`
    : ''

function showOrigin(file: string, origin: Origin): string {
  if (origin.line === undefined) return 'default'
  const key = origin.key?.split('.').at(-1)
  const what = { entry: key, override: key, global: key, template: `${key}, filled in`, default: key }[
    origin.source
  ]
  return `${what} (${file}:${origin.line})`
}
