/** The predecessor as it is installed: its configuration, cron, user and database. Reads alone. */
import { join } from 'node:path'
import { loadSiteFrom } from '../../../shared/config/load.ts'
import { configNames } from '../../../shared/config/read/find.ts'
import { fold } from '../../../shared/config/read/fold.ts'
import type { Places } from '../../../shared/config/read/places.ts'
import { ConfigError, type Problem } from '../../../shared/config/read/problem.ts'
import { readDocument } from '../../../shared/config/read/read-document.ts'
import type { Origins } from '../../../shared/config/resolve/origin.ts'
import { ownSections, siteFile } from '../../../shared/config/schema/schema.ts'
import type { Site } from '../../../shared/config/site.ts'
import { UsageError } from '../../terminal/errors.ts'
import type { Machine } from '../machine.ts'
import { settings } from '../places.ts'
import { type Cron, configOf, readCron } from './cron.ts'

export interface Predecessor {
  readonly machine: Machine
  /** What it reads, by its own order of names. */
  readonly file: string
  /** What the daemons read where that is another one. */
  readonly ourFile?: string
  readonly text: string
  /** Where keys stand in the file. */
  readonly places: Places
  /** Absent where the daemons refuse the file. */
  readonly site?: Site
  readonly origins: Origins
  readonly problems: readonly Problem[]
  readonly cronFile: string
  readonly cron: Cron
  /** As whom it runs. */
  readonly user: string
  readonly home?: string
  /** The machine's time zone by name. */
  readonly zone?: string
  readonly database: string
}

const cronFile = '/etc/cron.d/managed-tokens'
const itsNames = ['json', 'toml', 'yaml', 'yml'].map((ending) => `managedTokens.${ending}`)
const packageUser = 'rexbatch'
const packageDatabase = '/var/lib/managed-tokens/uid.db'

/** Throws UsageError where it is not there. */
export function findPredecessor(machine: Machine): Predecessor {
  const cron = readCron(machine.read(cronFile) ?? '')
  const user = cron.jobs[0]?.user ?? packageUser
  const home = homeOf(machine, user)
  const file = cron.jobs.map(configOf).find((one) => one !== undefined) ?? firstOf(machine, itsNames, home)
  const text = machine.read(file)
  if (text === undefined)
    throw new UsageError(
      `${file} cannot be read: work as root, or as whoever may read the predecessor's files.`,
    )
  if (file.endsWith('.toml'))
    throw new UsageError(
      `${file} is what the predecessor reads, and TOML is not read here: write the same as YAML first.`,
    )
  const ours = configNames.map((name) => join(settings, name)).find((one) => machine.stat(one))
  const zone = machine.stat('/etc/localtime')?.path.match(/zoneinfo\/(.+)$/)?.[1]
  const { document, lines } = readDocument(Buffer.from(text))
  const written = document.get('dbLocation')
  return {
    ...{ machine, file, text, cronFile, cron, user },
    ...(ours && ours !== file ? { ourFile: ours } : {}),
    places: fold(document, lines, siteFile, ownSections),
    ...readSite(file, text),
    ...(home ? { home } : {}),
    ...(zone ? { zone } : {}),
    database: typeof written === 'string' && written ? written : packageDatabase,
  }
}

/** As the machine's own table of users says. */
const homeOf = (machine: Machine, user: string) =>
  machine
    .read('/etc/passwd')
    ?.split('\n')
    .find((line) => line.startsWith(`${user}:`))
    ?.split(':')[5]

function firstOf(machine: Machine, names: readonly string[], home: string | undefined): string {
  const directories = [settings, ...(home ? [join(home, '.managed-tokens')] : [])]
  const found = directories
    .flatMap((one) => names.map((name) => join(one, name)))
    .find((one) => machine.stat(one))
  if (found) return found
  throw new UsageError(
    `No predecessor is here: there is no ${names.join(', ')} in ${directories.join(' or ')}. Bring its /etc, /var and keytabs into a directory and name that: --from-predecessor DIR.`,
  )
}

function readSite(file: string, text: string): Pick<Predecessor, 'site' | 'origins' | 'problems'> {
  try {
    const { site, origins, warnings } = loadSiteFrom(file, Buffer.from(text))
    return { site, origins, problems: warnings }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { origins: new Map(), problems: error.problems }
  }
}
