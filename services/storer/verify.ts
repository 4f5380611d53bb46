/** Exit 0 is not enough: the credd is asked whether it has the credential, and the bearer must name this service. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { runCommand } from '../../shared/command.ts'
import type { Entry } from '../../shared/config/site.ts'
import { failure, Permanent, Transient } from '../../shared/errors.ts'
import { type StorerRun, storerEnvironment } from './vault-storer.ts'

/** Throws `wrong-token`, `nothing-stored` or `credd-unreachable`. A wrong token is not kept either. */
export async function verifyStored(run: StorerRun): Promise<void> {
  const bearer = await readFile(run.stage.bearerFile, 'utf8').catch(() => '')
  if (!namesService(bearer.trim(), run.entry)) {
    await run.stage.discard()
    throw new Permanent(
      failure(
        'wrong-token',
        `The token that condor_vault_storer got for ${run.entry.service} is not of ${run.entry.realExperiment}.`,
      ),
    )
  }
  await askCredd(run)
}

/** Claims of a WLCG token (profile 1.3); `wlcg.groups` where the issuer sets them. */
const claims = z.object({ 'wlcg.groups': z.array(z.string()).optional() })

/** False only when the bearer's groups are those of other experiments. Does not check the signature: it asks *whose*, not *whether*. Pure. */
export function namesService(bearer: string, entry: Pick<Entry, 'realExperiment'>): boolean {
  const groups = decodeClaims(bearer)?.['wlcg.groups']
  if (!groups || groups.length === 0) return true
  const own = `/${entry.realExperiment}`
  return groups.some((group) => group === own || group.startsWith(`${own}/`))
}

function decodeClaims(bearer: string): z.infer<typeof claims> | undefined {
  try {
    return claims.parse(JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString('utf8')))
  } catch {
    return undefined
  }
}

async function askCredd(run: StorerRun): Promise<void> {
  const { entry, credd, site } = run
  const outcome = await runCommand({
    file: site.storer.condorStoreCred,
    name: 'condor_store_cred',
    args: ['query-oauth', '-s', entry.service],
    env: storerEnvironment(run),
    timeoutMs: site.timeouts.vaultStorerMs,
    signal: run.signal,
    attributes: { 'managed_tokens.entry': entry.name, 'managed_tokens.credd': credd },
  })
  if (outcome.kind === 'exited' && outcome.exitCode === 0) return
  if (/No credential is stored/i.test(outcome.stdout))
    throw new Transient(
      failure(
        'nothing-stored',
        `condor_vault_storer ended well for ${entry.service}, but ${credd} has nothing stored.`,
      ),
    )
  throw new Transient(failure('credd-unreachable', `${credd} did not say whether it has ${entry.service}.`))
}
