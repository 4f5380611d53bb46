/** Do the servers that the refresher needs answer: KDC, collectors, Vault, FERRY? */
import { findCredds } from '../../services/refresher/condor.ts'
import { vaultUrl } from '../../services/refresher/vault-api.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { type Failure, Permanent, Transient } from '../../shared/errors.ts'
import { describeNetworkError, isTlsCode } from '../../shared/http-error.ts'
import type { Tickets } from '../../shared/kinit.ts'
import { reasons } from '../../shared/reasons.ts'
import { findVaultServer } from '../../shared/vault-server.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'
import { askHttps } from './network.ts'

/** More than what the programs below need at most, since they have deadlines of their own. */
const graceMs = 5_000
const httpsMs = 10_000
/** Kerberos forgives five minutes, tokens one (milliseconds). */
const skew = { warningMs: 30_000, problemMs: 240_000 }

/** A ticket for each principal, from its keytab. The tickets go with `tickets`. */
export function checkPrincipals({ entries, timeouts }: Site, tickets: Tickets): Check[] {
  const distinct = firstOf(entries, ({ principal, keytab }) => `${principal} ${keytab}`)
  return distinct.map((entry) => ({
    about: 'kerberos',
    deadlineMs: 2 * timeouts.kerberosMs + graceMs,
    look: (signal) =>
      judge('kerberos', async () => {
        await tickets.ccacheOf(entry, { minLifeMs: 0, timeoutMs: timeouts.kerberosMs, signal })
        return [ok('kerberos', `a ticket for ${entry.principal}`)]
      }),
  }))
}

/** Each collector by itself: that the next one would take over is no reason to leave one broken. */
export function checkCollectors({ entries, refresher, timeouts }: Site): Check[] {
  const asking = entries
    .filter(({ tokenGetter, credds }) => tokenGetter === 'storeAndGetToken' && !credds)
    .flatMap((entry) => entry.collectors.map((collector) => ({ ...entry, collectors: [collector] })))
  const distinct = firstOf(asking, ({ collectors, scheddConstraint }) => `${collectors} ${scheddConstraint}`)
  return distinct.map((entry) => ({
    about: 'collector',
    deadlineMs: timeouts.kerberosMs + graceMs,
    look: (signal) =>
      judge('collector', async () => {
        const { names, refused } = await findCredds(entry, {
          ...refresher,
          ...{ timeoutMs: timeouts.kerberosMs, signal },
        })
        const says = `${entry.collectors[0]} names`
        return [
          ...(names.length > 0 ? [ok('collector', `${says} ${names.join(', ')} for ${entry.name}`)] : []),
          ...refused.map((name) =>
            warning(
              'collector',
              `${says} a schedd "${name}" for ${entry.name}, which is no host name`,
              reasons['credd-name-refused'].action,
            ),
          ),
        ]
      }),
  }))
}

/** Each Vault server: reachable, with a certificate that is trusted, and the same time as here. */
export function checkVaults(site: Site): Check[] {
  const distinct = firstOf(site.entries, ({ vaultServer }) => vaultServer ?? '')
  return distinct.map((entry) => ({
    about: 'vault',
    deadlineMs: site.timeouts.kerberosMs + httpsMs + graceMs,
    look: (signal) => judge('vault', () => lookAtVault(entry, site, signal)),
  }))
}

async function lookAtVault(entry: Entry, site: Site, signal: AbortSignal): Promise<Finding[]> {
  const limits = { timeoutMs: site.timeouts.kerberosMs, signal }
  const server = await findVaultServer(entry, { ...site.refresher, ...limits })
  const url = new URL('/v1/sys/health', vaultUrl(server))
  const soon = AbortSignal.any([signal, AbortSignal.timeout(httpsMs)])
  try {
    const { date } = await askHttps(url, site.vault.caPath, soon)
    return [ok('vault', `${url.host} answers, and its certificate is trusted`), ...judgeClock(url.host, date)]
  } catch (error) {
    const says = `${url.host}: ${describeNetworkError(error)}`
    return [
      isTlsCode((error as NodeJS.ErrnoException).code)
        ? problem('vault', says, `${reasons['vault-tls'].action} vault.caPath or X509_CERT_DIR names it.`)
        : problem('vault', says, 'check vaultServer, the network and the server'),
    ]
  }
}

/** A server's time beside ours. Pure but for the clock. */
export function judgeClock(host: string, date: Date | undefined, now = Date.now()): Finding[] {
  if (!date) return []
  // The header has whole seconds.
  const apart = Math.max(0, Math.abs(now - date.getTime()) - 1_000)
  const says = `${Math.round(apart / 1_000)} s apart from ${host}`
  const fix = 'synchronise the clock of this machine (chronyc makestep)'
  if (apart > skew.problemMs) return [problem('clock', says, fix)]
  if (apart > skew.warningMs) return [warning('clock', says, fix)]
  return [ok('clock', `as ${host} has it`)]
}

/** FERRY, where the UID of some account comes from it. */
export function checkFerry({ entries, ferry, timeouts }: Site): Check[] {
  const asking = entries.filter(({ desiredUid }) => desiredUid === undefined)
  if (asking.length === 0) return []
  const look = async (signal: AbortSignal): Promise<Finding[]> => {
    if (!ferry) {
      const names = asking.map(({ name }) => name).join(', ')
      return [
        problem('ferry', `nobody tells the UIDs of ${names}`, 'set desiredUIDOverride, or the section ferry'),
      ]
    }
    const url = new URL(`https://${ferry.host}:${ferry.port}/`)
    try {
      await askHttps(url, ferry.caPath, signal)
      return [ok('ferry', `${url.host} answers`)]
    } catch (error) {
      const says = `${url.host}: ${describeNetworkError(error)}`
      return [warning('ferry', says, 'UIDs that are known stay in force; check ferry.host and ferry.caPath')]
    }
  }
  return [{ about: 'ferry', deadlineMs: timeouts.ferryRequestMs + graceMs, look }]
}

/** A failure of the daemons' own modules as a finding: they know best what it means. */
async function judge(about: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof Permanent || error instanceof Transient)) throw error
    const { message, action }: Failure = error.failure
    return [problem(about, message.replace(/\.$/, ''), action)]
  }
}

/** The first of each kind. */
function firstOf<T>(all: readonly T[], kind: (one: T) => string): T[] {
  return [...new Map(all.toReversed().map((one) => [kind(one), one])).values()].toReversed()
}
