/** What changes because of what the predecessor's configuration says, or does not say. Pure. */
import { dirname } from 'node:path'
import type { Path } from '../../../shared/config/read/places.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { type Change, change } from './change.ts'
import type { Predecessor } from './find.ts'

export function changesOfConfiguration(found: Predecessor): Change[] {
  const { file, ourFile, places, site, problems } = found
  const at = (...path: Path) => `${file}:${places.keyPlace(path).line}`
  const ofRetries = site ? retries(site, at) : []
  return [
    ...(ourFile
      ? [
          change(
            file,
            `the predecessor reads this file, the daemons ${ourFile}`,
            'keep one of the two, or the same in both',
          ),
        ]
      : []),
    ...problems
      .filter(({ path }) => ofRetries.length === 0 || path !== pushTokens.join('.'))
      .map(({ line, column, message }) => change(`${file}:${line}:${column}`, message)),
    ...ofRetries,
    ...(site
      ? [...credds(site, found), ...people(site, at), ...lifetime(found), ...directories(site, found)]
      : []),
  ]
}

type At = (...path: Path) => string
const pushTokens = ['workerType', 'pushTokens'] as const

/** The predecessor finds such retries invalid and goes on without any. */
function retries({ retries: { push }, timeouts }: Site, at: At): Change[] {
  const pauses = push.numRetries * push.retrySleepMs
  if (pauses <= timeouts.pushMs) return []
  return [
    change(
      at(...pushTokens),
      `${push.numRetries} retries with ${push.retrySleepMs / 1_000} s between them do not fit into pushTimeout, so that the predecessor does without; the daemons do retry, and tell a failure that much later`,
      'fewer retries, or a shorter retrySleep, where that is too late',
    ),
  ]
}

/** It asks each collector once, with the constraint of whichever role comes first. */
function credds({ entries }: Site, { file, origins }: Predecessor): Change[] {
  const asked = entries.filter(
    ({ credds: given, tokenGetter }) => !given && tokenGetter === 'storeAndGetToken',
  )
  const byCollector = Map.groupBy(asked, ({ collectors }) => collectors.join(', '))
  return [...byCollector].flatMap(([collector, sharing]) => {
    const [first] = sharing
    const other = sharing.find((one) => one.scheddConstraint !== first?.scheddConstraint)
    if (!first || !other) return []
    const line = origins.get(other.name)?.get('scheddConstraint')?.line ?? 1
    return [
      change(
        `${file}:${line}`,
        `${other.name} and ${first.name} ask ${collector} with different constraints; the predecessor takes the answer to the first for all, the daemons ask for each: credds may change`,
        'compare "managed-tokens services" after the first run with what you expect',
      ),
    ]
  })
}

function people({ notifications }: Site, at: At): Change[] {
  if (notifications.adminEmail.length > 0) return []
  return [
    change(
      at('notifications', 'admin_email'),
      'no administrator is named: the predecessor mails fife-group@fnal.gov, the daemons nobody',
      'notifications.admin_email',
    ),
  ]
}

function lifetime({ places, file }: Predecessor): Change[] {
  if (places.isWritten(['minTokenLifetime'])) return []
  return [
    change(
      file,
      'minTokenLifetime is not set: tokens are replaced ten seconds before their end, as before, and the alerts take it to be 3d',
      'minTokenLifetime: 3d',
    ),
  ]
}

const ourVaultTokens = '/var/lib/managed-tokens/service-credd-vault-tokens'

function directories({ entries }: Site, { file, origins }: Predecessor): Change[] {
  const line = ({ name }: Entry, key: keyof Entry) => `${file}:${origins.get(name)?.get(key)?.line ?? 1}`
  const once = (
    key: keyof Entry,
    of: (entry: Entry) => string | undefined,
    tell: (path: string) => [string, string],
  ) => {
    const paths = Map.groupBy(entries, (entry) => of(entry) ?? '')
    return [...paths].flatMap(([path, [entry]]) =>
      path && entry ? [change(line(entry, key), ...tell(path))] : [],
    )
  }
  return [
    ...once(
      'roleFileTemplate',
      ({ roleFileTemplate }) => {
        const directory = roleFileTemplate && dirname(roleFileTemplate)
        return directory === '/tmp' ? undefined : directory
      },
      (directory) => [
        `files go to ${directory} on nodes, as before; where others may rename in it, such as with mode 775, it is refused (destination-unsafe)`,
        `chmod go-w or +t ${directory} there`,
      ],
    ),
    ...once(
      'vaultTokenRoot',
      ({ vaultTokenRoot }) => (vaultTokenRoot === ourVaultTokens ? undefined : vaultTokenRoot),
      (directory) => [
        `vault tokens are kept in ${directory}, where the storer's unit may not write`,
        `ReadWritePaths=${directory} in a drop-in: systemctl edit managed-tokens@storer`,
      ],
    ),
  ]
}
