/** Are the programs here, and new enough? */
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { hasOwnNames } from '../../services/storer/condor/condor-version.ts'
import { runCommand } from '../../shared/commands/command.ts'
import { commandEnvironment, environment } from '../../shared/config/environment.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { cleanLine } from '../../shared/contracts/one-sentence.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'
import { isAtLeast, readVersion } from './version.ts'

interface Needed {
  /** Name or path. */
  readonly program: string
  /** How it tells its version. */
  readonly ask?: readonly string[]
  /** Where it comes from. */
  readonly install: string
  /** Judges what it printed. */
  readonly judge?: (about: string, printed: string) => Finding
}

const deadlineMs = 10_000
const kerberos = 'install MIT Kerberos (krb5-user, krb5-workstation)'
const utilLinux = 'install util-linux'
const condor = 'install HTCondor with condor-credmon-vault, or name the program in the configuration'

/** A check for each program that this configuration needs; without one, for those that every site needs. */
export function checkPrograms(site: Site | undefined): Check[] {
  return neededPrograms(site).map((needed) => ({
    about: nameOf(needed.program),
    deadlineMs,
    look: async (signal) => [await lookAt(needed, signal)],
  }))
}

function neededPrograms(site: Site | undefined): Needed[] {
  const storing = site?.entries.some(({ tokenGetter }) => tokenGetter === 'storeAndGetToken') ?? true
  const { refresher, storer, distributor, nats } = site ?? {}
  return [
    ...(nats?.servers ? [] : [natsServer]),
    ...(anyEntry(site, ({ keytab }) => keytab !== undefined)
      ? [{ program: 'kinit', install: kerberos }]
      : []),
    ...(anyEntry(site, ({ transport }) => transport !== 'local')
      ? [{ program: distributor?.ssh ?? 'ssh', ask: ['-V'], install: 'install the OpenSSH client' }]
      : []),
    { program: 'setpriv', ask: ['--version'], install: utilLinux },
    ...(anyEntry(site, ({ oidc }) => oidc === undefined)
      ? [
          {
            program: refresher?.htgettoken ?? 'htgettoken',
            ask: ['--version'],
            install: 'install htgettoken',
          },
        ]
      : []),
    ...(storing
      ? [
          { program: 'flock', ask: ['--version'], install: utilLinux },
          {
            program: storer?.condorVersion ?? 'condor_version',
            ask: [],
            install: condor,
            judge: judgeCondor,
          },
          { program: storer?.condorVaultStorer ?? 'condor_vault_storer', install: condor },
          { program: storer?.condorStoreCred ?? 'condor_store_cred', install: condor },
          { program: refresher?.condorStatus ?? 'condor_status', install: condor },
        ]
      : []),
  ]
}

/** Without a configuration, what any entry may need. */
const anyEntry = (site: Site | undefined, needs: (entry: Entry) => boolean) =>
  site?.entries.some(needs) ?? true

const natsServer: Needed = {
  program: 'nats-server',
  ask: ['--version'],
  install: 'install nats-server ≥ 2.12.9, or set nats.servers',
  judge: judgeNatsServer,
}

/** Judges the version that a nats-server tells of itself. */
export function judgeNatsServer(about: string, printed: string): Finding {
  const version = readVersion(printed)
  if (!version) return ok(about, 'here; it does not tell its version')
  const text = version.join('.')
  if (!isAtLeast(version, [2, 9, 10]))
    return problem(about, `${text} is too old`, 'install 2.12.9 or newer; 2.9.10 is the least')
  if (!isAtLeast(version, [2, 12, 9]))
    return warning(about, `${text} works`, 'in production 2.12.9 or newer is recommended')
  return ok(about, text)
}

function judgeCondor(about: string, printed: string): Finding {
  const version = readVersion(printed)?.join('.')
  if (hasOwnNames(printed)) return ok(about, version ?? 'here; it does not tell its version')
  return problem(
    about,
    `HTCondor ${version} gives all runs of condor_vault_storer the same files in /tmp`,
    'install HTCondor 10.6 or newer (or 10.0.6 of the long-term series)',
  )
}

async function lookAt({ program, ask, install, judge }: Needed, signal: AbortSignal): Promise<Finding> {
  const about = nameOf(program)
  const path = findProgram(program)
  if (!path) return problem(about, `${program} is not here, or not executable`, install)
  if (!ask) return ok(about, path)
  const env = { ...commandEnvironment(), ...environment.condor }
  const outcome = await runCommand({ file: path, args: ask, env, timeoutMs: deadlineMs - 1_000, signal })
  const printed = `${outcome.stdout}\n${outcome.stderr}`
  const works = outcome.kind === 'exited' && outcome.exitCode === 0
  if (judge && works) return judge(about, printed)
  if (judge) return problem(about, `${path} does not tell its version (${outcome.kind})`, install)
  return ok(about, (works && firstLine(printed)) || path)
}

/** The program's path: as given with a slash in it, else from PATH; undefined when it cannot be run. */
export function findProgram(
  program: string,
  path: string = commandEnvironment().PATH ?? '',
): string | undefined {
  const candidates = program.includes('/')
    ? [program]
    : path.split(':').map((directory) => join(directory || '.', program))
  return candidates.find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

const nameOf = (program: string) => program.split('/').at(-1) ?? program
const firstLine = (text: string) => cleanLine(text.split('\n').find((line) => line.trim() !== '') ?? '')
