/** Do the servers that the refresher needs answer: KDC, collectors, Vault, FERRY? */

import { trustOf } from '../../services/refresher/uids/ferry.ts'
import { otherVaultPort, vaultPortSays } from '../../shared/config/checks/vault-port.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { type Failure, isFailed } from '../../shared/contracts/errors.ts'
import { type ReasonCode, reasons } from '../../shared/contracts/reasons.ts'
import { HttpError } from '../../shared/https/http-error.ts'
import { type Answer, exchange } from '../../shared/https/request.ts'
import type { Tickets } from '../../shared/kerberos/kinit.ts'
import { findVaultServer } from '../../shared/vault/server.ts'
import { onWayToVault, vaultUrl } from '../../shared/vault/vault-url.ts'
import { findCredds } from '../../shared/work/find-credds.ts'
import { type Check, type Finding, ok, problem, warning } from './check.ts'

/** More than what the programs below need at most, since they have deadlines of their own. */
const graceMs = 5_000
const httpsMs = 10_000
/** Kerberos forgives five minutes, tokens one (milliseconds). */
const skew = { warningMs: 30_000, problemMs: 240_000 }

/** A ticket for each principal, from its keytab. The tickets go with `tickets`. */
export function checkPrincipals({ entries, timeouts }: Site, tickets: Tickets): Check[] {
  const distinct = firstOf(
    entries.filter(({ keytab }) => keytab !== undefined),
    ({ principal, keytab }) => `${principal} ${keytab}`,
  )
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
  const asking = site.entries.filter(({ oidc }) => !oidc)
  const distinct = firstOf(asking, ({ vaultServer }) => vaultServer ?? '')
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
  try {
    const way = { caPath: site.vault.caPath, timeoutMs: httpsMs, signal }
    const answer = await onWayToVault((options) => exchange(url, options), way)
    const { date } = answer.headers
    return [judgeVault(url.host, answer), ...judgePort(server, site), ...judgeClock(url.host, readDate(date))]
  } catch (error) {
    return [problem('vault', ...whyNot(error, 'vault-unreachable', 'vault-tls'))]
  }
}

/** What failed and what to do, in the words that the daemons use for it. */
function whyNot(error: unknown, away: ReasonCode, tls: ReasonCode): [says: string, fix: string] {
  if (!(error instanceof HttpError)) throw error
  const { kind, message } = error
  return [message, reasons[kind === 'tls' ? tls : kind === 'proxy' ? 'proxy-failed' : away].action]
}

/** The statuses of `/sys/health`, which Vault and OpenBao share; a standby passes on what it is asked. */
const healths: Readonly<Record<number, readonly [state: Finding['state'], says: string, fix?: string]>> = {
  200: ['ok', 'answers, and its certificate is trusted'],
  429: ['ok', 'answers as a standby, and its certificate is trusted'],
  473: ['ok', 'answers as a standby, and its certificate is trusted'],
  472: [
    'problem',
    'is the secondary of a disaster recovery, which serves nobody',
    'name the primary as vaultServer',
  ],
  501: [
    'problem',
    'is not initialised',
    'have its administrators set it up, or name another one as vaultServer',
  ],
  503: [
    'problem',
    'is sealed: it serves nobody',
    'have its administrators unseal it (vault operator unseal)',
  ],
  530: [
    'problem',
    'is a node that was removed from its cluster',
    'name another node of the cluster as vaultServer',
  ],
}

/** What Vault says of its health. Pure. */
export function judgeVault(host: string, { status, body }: Pick<Answer, 'status' | 'body'>): Finding {
  const isHealth = /"sealed"\s*:/.test(body)
  const [state, says, fix] = (isHealth && healths[status]) || [
    'problem',
    `answers with status ${status}, which is no word of Vault’s health`,
    'check vaultServer: is it a Vault, and what stands before it?',
  ]
  return { state, about: 'vault', says: `${host} ${says}`, ...(fix ? { fix } : {}) }
}

const readDate = (header: string | undefined) =>
  header && !Number.isNaN(Date.parse(header)) ? new Date(header) : undefined

/** What stores into credds has them give it to credential monitors, which are particular about the port. Pure. */
export function judgePort(server: string, { entries }: Pick<Site, 'entries'>): Finding[] {
  const port = otherVaultPort(server)
  if (port === undefined || entries.every(({ tokenGetter }) => tokenGetter !== 'storeAndGetToken')) return []
  return [warning('vault', vaultPortSays(server, port), 'let Vault answer on port 8200')]
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

/** FERRY, where the UID of some account comes from it: without it, that of an entry at a token issuer is asked of the node. */
export function checkFerry({ entries, ferry, timeouts }: Site): Check[] {
  const asking = entries.filter(({ desiredUid, oidc }) => desiredUid === undefined && (ferry || !oidc))
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
      await exchange(url, { ...(await trustOf(ferry)), timeoutMs: timeouts.ferryRequestMs, signal })
      return [ok('ferry', `${url.host} answers`)]
    } catch (error) {
      const [says, fix] = whyNot(error, 'ferry-unreachable', 'ferry-unreachable')
      return [warning('ferry', says, `${fix} It has to be what ferry.host and ferry.caPath say.`)]
    }
  }
  return [{ about: 'ferry', deadlineMs: timeouts.ferryRequestMs + graceMs, look }]
}

/** A failure of the daemons' own modules as a finding: they know best what it means. */
async function judge(about: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    if (!isFailed(error)) throw error
    const { message, action }: Failure = error.failure
    return [problem(about, message.replace(/\.$/, ''), action)]
  }
}

/** The first of each kind. */
function firstOf<T>(all: readonly T[], kind: (one: T) => string): T[] {
  return [...new Map(all.toReversed().map((one) => [kind(one), one])).values()].toReversed()
}
