/**
 * Makes the vault tokens of one entry worthless, whose service is revoked, and the login behind them; answers with
 * `token.removed`. Seals go first: nobody needs Vault for that.
 */
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { patiently } from '../../../shared/bus/patiently.ts'
import type { Outgoing } from '../../../shared/bus/publish.ts'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { entryEnvelope } from '../../../shared/contracts/envelope.ts'
import { codeOf, failedWith } from '../../../shared/contracts/errors.ts'
import type { RefreshRemoval, TokenRemoved } from '../../../shared/contracts/messages.ts'
import { refreshSubject, sealedKey } from '../../../shared/contracts/subjects.ts'
import { dropRefreshToken, revokeVaultToken, type VaultAsking } from '../../../shared/vault/revoke-token.ts'
import { findVaultServer } from '../../../shared/vault/server.ts'
import type { Received } from '../../../shared/work/consume/handle-message.ts'
import { knownEntry } from '../../../shared/work/find-entry.ts'
import { recall } from '../../../shared/work/memory.ts'
import { neverGivingUp, oncePerTarget } from '../../../shared/work/once-per-target.ts'
import { entryFacts, entryFrom } from '../../../shared/work/remembered-entry.ts'
import type { TargetRecord } from '../../../shared/work/target-record.ts'
import { tokenFact } from '../../../shared/work/token-fact.ts'
import { getBareToken, type HtgettokenOptions, tokenFiles } from '../credentials/htgettoken.ts'
import type { RefreshDeps } from '../deps.ts'
import { revokeLogin } from '../issuer/revoke-login.ts'

/** Told at once; and soon again, for as long as it takes (milliseconds). */
const retries = {
  retry: { numRetries: 0, retrySleepMs: 0 },
  backoff: { firstMs: 2_000, longestMs: 20_000 },
}

type Circumstances = Pick<Received<RefreshRemoval>, 'signal' | 'log'>

/** What became of it: whether there was anything, and what goes on working. */
interface Ended {
  readonly wasThere: boolean
  readonly warning?: string
}

/** Handles a removal on `refresh.<experiment>.<role>`. */
export async function handleRefreshRemoval(
  received: Received<RefreshRemoval>,
  deps: RefreshDeps,
): Promise<readonly Outgoing[]> {
  const item = received.body
  // Restored meanwhile: the login may be a new one.
  if (!(await deps.revoked.find(item.service, received))) return []
  const key = refreshSubject(item)
  return oncePerTarget(
    { key, run: item.run, entry: item.entry, ...retries },
    deps.targets,
    received,
    async ({ record }) => {
      await patiently(() => deps.sealed.purge(sealedKey(item.entry)), received)
      const ended = await neverGivingUp(async () => {
        const entry = entryOf(item, deps.site(), record, deps)
        return entry.oidc
          ? revokeLogin(entry, item.keepLogin, { site: deps.site(), ...received }, deps.issuer)
          : revokeAtVault(item, entry, deps.site(), received, deps)
      })
      return { messages: [tokenFact('removed', item, key, removedBody(item, ended))], expiry: null }
    },
  )
}

/** As configured, else as remembered. Throws where nobody knows how to get there. */
function entryOf(
  item: RefreshRemoval,
  site: Site,
  { remembered }: TargetRecord,
  { memory }: RefreshDeps,
): Entry {
  const facts = recall([memory], refreshSubject(item), remembered, entryFacts)
  const entry = knownEntry(site, item) ?? (facts && entryFrom(item, facts))
  if (entry) return entry
  throw failedWith('entry-unknown', `Nothing is known of ${item.entry}, nor how to get to its Vault.`)
}

async function revokeAtVault(
  item: RefreshRemoval,
  entry: Entry,
  site: Site,
  { signal, log }: Circumstances,
  deps: RefreshDeps,
): Promise<Ended> {
  const timeoutMs = site.timeouts.kerberosMs
  const vaultServer = await findVaultServer(entry, { ...site.refresher, timeoutMs, signal })
  const options = {
    ...{ vaultServer, signal, directory: deps.tokenDirectory, caPath: site.vault.caPath },
    ...{ program: site.refresher.htgettoken, timeoutMs: site.timeouts.vaultStorerMs },
  }
  const asking = { caPath: site.vault.caPath, timeoutMs, signal }
  const { kept } = tokenFiles(entry, options)
  const token = existsSync(kept) ? readFileSync(kept, 'utf8').trim() : ''
  const hadLogin = item.keepLogin ? false : await dropLogin(item, entry, token, site, options, asking, deps)
  if (token !== '') await revokeVaultToken(vaultServer, token, asking)
  await rm(kept, { force: true })
  log.info({ service: entry.service, hadLogin }, 'revoked: the vault token that was kept here')
  return {
    wasThere: hadLogin || token !== '',
    ...(item.keepLogin && { warning: 'The login stays at Vault, as was asked for.' }),
  }
}

/** With the token that is kept, else with one that is made for this and revoked again. Returns whether there was a login. */
async function dropLogin(
  { run }: RefreshRemoval,
  entry: Entry,
  kept: string,
  site: Site,
  options: HtgettokenOptions,
  asking: VaultAsking,
  deps: RefreshDeps,
): Promise<boolean> {
  const drop = (token: string) => dropRefreshToken(options.vaultServer, token, entry, asking)
  try {
    if (kept !== '') return await drop(kept)
  } catch (error) {
    if (codeOf(error) !== 'permission-denied') throw error
  }
  const { globalMs: minLifeMs, kerberosMs: timeoutMs } = site.timeouts
  const limits = { minLifeMs, timeoutMs, signal: options.signal, run, purpose: 'remove' }
  const made = await deps.tickets.withTicket(entry, limits, (ccache) =>
    getBareToken(entry, { ...options, ccache }),
  )
  try {
    return await drop(made)
  } finally {
    await revokeVaultToken(options.vaultServer, made, asking)
  }
}

const removedBody = (item: RefreshRemoval, { wasThere, warning }: Ended): TokenRemoved => ({
  ...entryEnvelope(item),
  ...{ stage: 'refresh', outcome: warning ? 'left' : wasThere ? 'removed' : 'absent' },
  ...(warning && { warning }),
})
