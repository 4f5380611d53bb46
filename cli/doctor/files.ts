/** Private files: are they there, this user's, and nobody else's? */
import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { natsUsers } from '../../shared/bus/permissions.ts'
import type { Site } from '../../shared/config/site.ts'
import { sealingSeedFile, seedFile, signingSeedFile, stateDirectory } from '../../shared/daemon/state.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'

const deadlineMs = 5_000

/** Daemons do not run as root, and what root can read they may not. */
export function checkUser(uid: number | undefined): Check {
  const about = 'user'
  const says =
    'this is root, which may read everything and for which HTCondor takes the host’s keytab instead of our tickets: what is found here can differ for the daemons'
  return {
    about,
    deadlineMs,
    look: async () => [
      uid === 0
        ? warning(about, says, 'look again as the user of the daemons')
        : ok(about, `uid ${uid}, not root`),
    ],
  }
}

/** Each keytab: there, readable by this user, and by nobody but whom its group names. */
export function checkKeytabs({ entries }: Site): Check[] {
  return [...new Set(entries.flatMap(({ keytab }) => keytab ?? []))].map((file) => ({
    about: 'keytab',
    deadlineMs,
    look: async () => [lookAtKeytab(file)],
  }))
}

function lookAtKeytab(file: string): Finding {
  const stats = statOf(file)
  if (stats === 'missing')
    return problem('keytab', `${file} is not there`, 'put it there, or correct keytabPath')
  if (stats === 'hidden' || !mayRead(file))
    return problem(
      'keytab',
      `${file} cannot be read by this user`,
      `chown it to the daemons’ user, or to the group managed-tokens-keytabs; chmod 640`,
    )
  const open = openToOthers('keytab', file, stats, { mode: 0o600, group: 0o040 })
  return open ?? ok('keytab', stats.mode & 0o040 ? `${file}, also for group ${stats.gid}` : file)
}

/** The state directory with the daemons' keys. */
export function checkState(site: Site | undefined, root: string): Check {
  return { about: 'state', deadlineMs, look: async () => lookAtState(site, root) }
}

function lookAtState(site: Site | undefined, root: string): Finding[] {
  const stats = statOf(root)
  if (stats === 'missing')
    return [
      warning('state', `${root} does not exist yet`, '"managed-tokens up" makes it; or give --state DIR'),
    ]
  if (stats === 'hidden' || !stats.isDirectory())
    return [problem('state', `${root} is no directory this user can enter`, 'give another one with --state')]
  const isOfUnits = site?.nats.seedFile?.startsWith(systemdCredentials)
  const strange = isOfUnits ? undefined : notOurs('state', root, stats)
  const found = [
    ...(strange ? [strange] : othersCanWrite(root, stats)),
    ...(isOfUnits ? ofUnits(root) : ofOneUser(site, root)),
  ]
  const whose = isOfUnits ? 'with a directory for each daemon' : 'for this user only'
  return found.length > 0 ? found : [ok('state', `${root}, ${whose}`)]
}

/** Started by units: each directory belongs to its daemon’s user, and what is in it is not for this one to see. */
const ofUnits = (root: string) =>
  natsUsers.flatMap((user) => {
    const directory = stateDirectory(root, user)
    const stats = statOf(directory)
    return stats === 'missing' || stats === 'hidden' || (stats.mode & 0o077) === 0
      ? []
      : [isOpen('state', directory, stats, 0o700)]
  })

/** Made by "up", or by one user for all. */
const ofOneUser = (site: Site | undefined, root: string) => [
  ...natsUsers.flatMap((user) => lookAtPrivate(stateDirectory(root, user), 0o700)),
  ...seedsOf(site, root).flatMap((file) => lookAtPrivate(file, 0o600)),
  ...tokenRoots(site),
]

function othersCanWrite(root: string, stats: Stats): Finding[] {
  if ((stats.mode & 0o022) === 0) return []
  return [problem('state', `others may write in ${root} (mode ${octal(stats)})`, `chmod go-w ${root}`)]
}

const seedsOf = (site: Site | undefined, root: string) =>
  [
    ...natsUsers.map((user) => site?.nats.seedFile?.replaceAll('{{.Daemon}}', user) ?? seedFile(root, user)),
    site?.sealing.seedFile ?? sealingSeedFile(root),
    ...(site?.sealing.previousSeedFiles ?? []),
    site?.sealing.signingKeyFile ?? signingSeedFile(root),
  ].filter((file) => !file.startsWith(systemdCredentials))

/** Credentials of units belong to root, and reach their daemon by an access list that the mode does not show. */
const systemdCredentials = '/run/credentials/'

/** What is not there yet is made on first start. */
function lookAtPrivate(path: string, mode: number): Finding[] {
  const stats = statOf(path)
  if (stats === 'missing') return []
  const cause =
    stats === 'hidden'
      ? problem('state', `${path} cannot be looked at by this user`, 'work as the user of the daemons')
      : openToOthers('state', path, stats, { mode })
  return cause ? [cause] : []
}

/** Where the storer keeps vault tokens: the predecessor's directories, which it may not own. */
function tokenRoots(site: Site | undefined): Finding[] {
  const roots = [...new Set(site?.entries.map(({ vaultTokenRoot }) => vaultTokenRoot))]
  return roots
    .filter((root) => statOf(root) !== 'missing' && !mayWrite(root))
    .map((root) =>
      problem(
        'state',
        `serviceCreddVaultTokenPathRoot ${root} cannot be written by this user`,
        'chown it to the daemons’ user',
      ),
    )
}

/** A secret that the configuration names: there, readable by this user, and by nobody else. */
export function lookAtSecret(about: string, file: string, key: string): Finding {
  const stats = statOf(file)
  if (stats === 'missing') return problem(about, `${file} is not there`, `put it there, or correct ${key}`)
  if (stats === 'hidden' || !mayRead(file))
    return problem(about, `${file} cannot be read by this user`, 'chown it to the daemons’ user; chmod 600')
  return openToOthers(about, file, stats, { mode: 0o600 }) ?? ok(about, file)
}

/** A finding when somebody else owns the file or may read it; what `group` says is its group's. */
function openToOthers(
  about: string,
  file: string,
  stats: Stats,
  { mode, group = 0 }: { readonly mode: number; readonly group?: number },
): Finding | undefined {
  const own = notOurs(about, file, stats)
  if (own) return own
  return (stats.mode & 0o077 & ~group) === 0 ? undefined : isOpen(about, file, stats, mode)
}

const isOpen = (about: string, file: string, stats: Stats, mode: number) =>
  problem(about, `${file} is open to others (mode ${octal(stats)})`, `chmod ${mode.toString(8)} ${file}`)

function notOurs(about: string, file: string, stats: Stats): Finding | undefined {
  const uid = process.getuid?.()
  if (stats.uid === uid) return undefined
  const says = `${file} belongs to uid ${stats.uid}, not to this user (${uid})`
  return uid === 0
    ? warning(about, says, 'fine if that is the user of the daemons')
    : problem(about, says, 'work as the user of the daemons, or chown it')
}

const octal = ({ mode }: Stats) => `0${(mode & 0o777).toString(8)}`

function statOf(file: string): Stats | 'missing' | 'hidden' {
  try {
    return statSync(file)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'hidden'
  }
}

const mayRead = (file: string) => may(file, constants.R_OK)
const mayWrite = (directory: string) => may(directory, constants.W_OK | constants.X_OK)

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
