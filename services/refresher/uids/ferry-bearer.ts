/** A bearer token to ask FERRY with, for sites that name a service for it (`ferry.serviceExperiment`) instead of a client certificate. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../../../shared/commands/command.ts'
import { commandEnvironment } from '../../../shared/config/environment.ts'
import { stripRealm } from '../../../shared/config/resolve/resolve.ts'
import type { Site } from '../../../shared/config/site.ts'
import { failure, RetryLater, Transient } from '../../../shared/contracts/errors.ts'
import { requestsOf } from '../../../shared/contracts/vault-requests.ts'
import type { Tickets } from '../../../shared/kerberos/kinit.ts'
import { authorityOption } from '../../../shared/vault/authority-option.ts'
import type { VaultPause } from '../../../shared/vault/pause.ts'
import { findVaultServer } from '../../../shared/vault/server.ts'
import { htgettokenError } from '../credentials/htgettoken.ts'
import type { FerryBearer } from './ferry.ts'

export interface FerryBearerDeps {
  readonly site: () => Site
  readonly tickets: Tickets
  readonly vaultPause: VaultPause
  /** Private directory (0700) that keeps the service's vault token. */
  readonly directory: string
}

/** Who asks: all of it comes from the section `ferry`. */
interface Asker {
  readonly name: string
  readonly service: string
  readonly experiment: string
  readonly role: string | undefined
  readonly principal: string
  readonly keytab: string
}

const keptToken = (directory: string) => join(directory, 'vault-token')

/** A bearer token serves all questions of one refresh, and is younger than any issuer lets it grow (milliseconds). */
const keptMs = 5 * 60_000

/** Questions to FERRY belong to no run: those of some minutes stand for one. */
const nowInPeriods = () => String(Math.floor(performance.now() / keptMs))

/** Makes a token when it is asked for one, and gives the same for some minutes. Throws what `kinit` and `htgettoken` throw. */
export function openFerryBearer(deps: FerryBearerDeps): FerryBearer {
  let kept: { readonly at: number; readonly token: Promise<string> } | undefined
  return async (signal) => {
    const site = deps.site()
    const asker = askerOf(site)
    if (!asker) return undefined
    if (kept && performance.now() - kept.at < keptMs) return kept.token
    const token = makeFerryBearer(asker, site, signal, deps)
    kept = { at: performance.now(), token }
    token.catch(() => {
      kept = undefined
    })
    return token
  }
}

/** Undefined where the section does not say enough: FERRY is then asked without a token. Pure. */
export function askerOf({ ferry }: Pick<Site, 'ferry'>): Asker | undefined {
  const {
    serviceExperiment: experiment,
    serviceKerberosPrincipal: principal,
    serviceKeytabPath: keytab,
  } = ferry ?? {}
  if (!experiment || !principal || !keytab) return undefined
  const role = ferry?.serviceRole
  return {
    name: 'ferry',
    service: `${experiment}_${role ?? 'Analysis'}`,
    experiment,
    role,
    principal,
    keytab,
  }
}

async function makeFerryBearer(
  asker: Asker,
  site: Site,
  signal: AbortSignal,
  { tickets, vaultPause, directory }: FerryBearerDeps,
): Promise<string> {
  const timeoutMs = site.timeouts.kerberosMs
  const vaultServer = await findVaultServer(
    { name: 'ferry', vaultServer: site.ferry?.vaultServer },
    { ...site.refresher, timeoutMs, signal },
  )
  const limits = { minLifeMs: site.timeouts.globalMs, timeoutMs, signal }
  const noDeadline = new Date(0).toISOString()
  try {
    return await tickets.withTicket(asker, { ...limits, run: nowInPeriods(), purpose: 'ferry' }, (ccache) =>
      vaultPause.afterPause(
        noDeadline,
        (paused) => getBearer(asker, site, vaultServer, ccache, directory, AbortSignal.any([signal, paused])),
        { requests: requestsOf(existsSync(keptToken(directory))), signal },
      ),
    )
  } catch (error) {
    if (!(error instanceof RetryLater)) throw error
    throw new Transient(
      failure('rate-limited', `No token for FERRY: Vault at ${vaultServer} asks for a pause.`),
    )
  }
}

async function getBearer(
  asker: Asker,
  site: Site,
  vaultServer: string,
  ccache: string,
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const bearer = join(directory, 'bearer')
  try {
    const outcome = await runCommand({
      file: site.refresher.htgettoken,
      name: 'htgettoken',
      args: [
        ...['-v', '--nooidc', '--nossh', `--vaultserver=${vaultServer}`, `--issuer=${asker.experiment}`],
        ...(asker.role ? [`--role=${asker.role}`] : []),
        `--credkey=${stripRealm(asker.principal, site.refresher.stripRealms)}`,
        ...[`--vaulttokenfile=${keptToken(directory)}`, `--outfile=${bearer}`],
        `--configdir=${join(directory, 'config')}`,
        ...authorityOption(site.vault.caPath),
      ],
      env: {
        ...commandEnvironment(),
        HOME: directory,
        XDG_RUNTIME_DIR: directory,
        KRB5CCNAME: `FILE:${ccache}`,
      },
      timeoutMs: site.timeouts.vaultStorerMs,
      signal,
    })
    if (outcome.kind !== 'exited' || outcome.exitCode !== 0)
      throw htgettokenError({ ...asker, realExperiment: asker.experiment, vaultServer }, outcome)
    return (await readFile(bearer, 'utf8')).trim()
  } finally {
    await rm(bearer, { force: true })
  }
}
