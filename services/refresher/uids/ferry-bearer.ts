/** A bearer token to ask FERRY with, for sites that name a service for it (`ferry.serviceExperiment`) instead of a client certificate. */
import { stripRealm } from '../../../shared/config/resolve/resolve.ts'
import type { Site } from '../../../shared/config/site.ts'
import { failedWith, RetryLater } from '../../../shared/contracts/errors.ts'
import { requestsOf } from '../../../shared/contracts/vault-requests.ts'
import type { Tickets } from '../../../shared/kerberos/kinit.ts'
import type { VaultPause } from '../../../shared/vault/pause.ts'
import { findVaultServer } from '../../../shared/vault/server.ts'
import { getDefaultBearer, hasKeptToken, type Owner } from '../credentials/htgettoken.ts'
import type { FerryBearer } from './ferry.ts'

export interface FerryBearerDeps {
  readonly site: () => Site
  readonly tickets: Tickets
  readonly vaultPause: VaultPause
  /** The daemon's own; the service's vault token is kept below it. */
  readonly directory: string
}

/** Who asks: all of it comes from the section `ferry`. */
interface Asker extends Owner {
  readonly principal: string
  readonly keytab: string
}

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
export function askerOf({ ferry, refresher }: Pick<Site, 'ferry' | 'refresher'>): Asker | undefined {
  const {
    serviceExperiment: realExperiment,
    serviceKerberosPrincipal: principal,
    serviceKeytabPath: keytab,
  } = ferry ?? {}
  if (!realExperiment || !principal || !keytab) return undefined
  const role = ferry?.serviceRole
  return {
    name: 'ferry',
    service: `${realExperiment}_${role ?? 'Analysis'}`,
    realExperiment,
    role,
    credkey: stripRealm(principal, refresher.stripRealms),
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
    { name: asker.name, vaultServer: site.ferry?.vaultServer },
    { ...site.refresher, timeoutMs, signal },
  )
  const limits = { minLifeMs: site.timeouts.globalMs, timeoutMs, signal }
  const noDeadline = new Date(0).toISOString()
  const options = {
    program: site.refresher.htgettoken,
    ...{ vaultServer, directory, caPath: site.vault.caPath, timeoutMs: site.timeouts.vaultStorerMs },
  }
  try {
    return await tickets.withTicket(asker, { ...limits, run: nowInPeriods(), purpose: 'ferry' }, (ccache) =>
      vaultPause.afterPause(
        noDeadline,
        (paused) =>
          getDefaultBearer(asker, { ...options, ccache, signal: AbortSignal.any([signal, paused]) }),
        { requests: requestsOf(hasKeptToken(asker, options)), signal },
      ),
    )
  } catch (error) {
    if (!(error instanceof RetryLater)) throw error
    throw failedWith('rate-limited', `No token for FERRY: Vault at ${vaultServer} asks for a pause.`)
  }
}
