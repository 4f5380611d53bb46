/**
 * Has one credd forget the credential of one entry, whose service is revoked, and makes the vault token that is kept for it
 * worthless; answers with `token.removed`. The credd comes first, and needs no Vault.
 */
import { readFile, rm } from 'node:fs/promises'
import type { Outgoing } from '../../shared/bus/publish.ts'
import type { Entry, Site } from '../../shared/config/site.ts'
import { entryEnvelope } from '../../shared/contracts/envelope.ts'
import { failedWith } from '../../shared/contracts/errors.ts'
import type { StoreRemoval, TokenRemoved } from '../../shared/contracts/messages.ts'
import { storeSubject } from '../../shared/contracts/subjects.ts'
import { revokeVaultToken } from '../../shared/vault/revoke-token.ts'
import { findVaultServer } from '../../shared/vault/server.ts'
import type { Received } from '../../shared/work/consume/handle-message.ts'
import { knownEntry } from '../../shared/work/find-entry.ts'
import { recall } from '../../shared/work/memory.ts'
import { neverGivingUp, oncePerTarget } from '../../shared/work/once-per-target.ts'
import { entryFacts, entryFrom } from '../../shared/work/remembered-entry.ts'
import type { TargetRecord } from '../../shared/work/target-record.ts'
import { tokenFact } from '../../shared/work/token-fact.ts'
import { answersCredd, forget } from './condor/verify.ts'
import type { StoreDeps } from './deps.ts'
import { keptToken } from './private-run/stage.ts'

/** Told at once; and soon again, for as long as it takes (milliseconds). */
const retries = {
  retry: { numRetries: 0, retrySleepMs: 0 },
  backoff: { firstMs: 2_000, longestMs: 20_000 },
}

type Circumstances = Pick<Received<StoreRemoval>, 'signal' | 'log'>

/** Handles a removal on `store.<experiment>.<role>.<credd>`. */
export async function handleStoreRemoval(
  received: Received<StoreRemoval>,
  deps: StoreDeps,
): Promise<readonly Outgoing[]> {
  const item = received.body
  const site = deps.site()
  // Restored meanwhile: what is stored there now may be new.
  if (!(await deps.revoked.find(item.service, received))) return []
  const key = storeSubject(item, item.credd)
  return oncePerTarget(
    { key, run: item.run, entry: item.entry, target: item.credd, ...retries },
    deps.targets,
    received,
    async ({ record }) => {
      const wasStored = await neverGivingUp(async () => {
        const entry = entryOf(item, site, record, deps)
        const was = await forgetIn(item, entry, site, received, deps)
        await revokeKept(item, entry, site, received)
        return was
      })
      const fact = tokenFact('removed', item, key, removedBody(item, wasStored, record))
      return { messages: [fact], expiry: null }
    },
  )
}

/** As configured, else as remembered. Throws where nobody knows the account. */
function entryOf(item: StoreRemoval, site: Site, { remembered }: TargetRecord, { memory }: StoreDeps): Entry {
  const facts = recall([memory], storeSubject(item, item.credd), remembered, entryFacts)
  const entry = knownEntry(site, item) ?? (facts && entryFrom(item, facts))
  if (entry) return entry
  throw failedWith(
    'entry-unknown',
    `Nothing is known of ${item.entry} in ${item.credd}: this storer has never stored it there.`,
  )
}

async function forgetIn(
  { credd, run }: StoreRemoval,
  entry: Entry,
  site: Site,
  { signal }: Circumstances,
  deps: StoreDeps,
): Promise<boolean> {
  const { kerberosMs: timeoutMs, globalMs: minLifeMs } = site.timeouts
  const limits = { minLifeMs, timeoutMs, signal, run, purpose: `remove ${credd}` }
  return deps.tickets.withTicket(entry, limits, async (ccache) => {
    await using stage = await deps.staging.stage(entry, credd, { keeps: false })
    // No program of these asks Vault.
    const storerRun = { entry, credd, site, vaultServer: 'none', ccache, stage, signal }
    await deps.credds.mustAnswer(credd, run, () => answersCredd(storerRun))
    try {
      const wasStored = await forget(storerRun)
      deps.credds.learn(credd, undefined)
      return wasStored
    } catch (error) {
      deps.credds.learn(credd, error)
      throw error
    }
  })
}

/** What condor_vault_storer keeps for the next time. */
async function revokeKept({ credd }: StoreRemoval, entry: Entry, site: Site, { signal }: Circumstances) {
  const file = keptToken(entry, credd)
  const token = (await readFile(file, 'utf8').catch(() => '')).trim()
  if (token === '') return
  const timeoutMs = site.timeouts.kerberosMs
  const vaultServer = await findVaultServer(entry, { ...site.refresher, timeoutMs, signal })
  await revokeVaultToken(vaultServer, token, { caPath: site.vault.caPath, timeoutMs, signal })
  await rm(file, { force: true })
}

/** The credd had a vault token of 28 days, the parent of what was revoked: it goes on, and `until` says how long. */
function removedBody(item: StoreRemoval, wasStored: boolean, { expiry }: TargetRecord): TokenRemoved {
  return {
    ...entryEnvelope(item),
    ...{ stage: 'store', target: item.credd, outcome: wasStored ? 'removed' : 'absent' },
    ...(expiry !== undefined && Date.parse(expiry) > Date.now() && { until: expiry }),
  }
}
