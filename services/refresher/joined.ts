/** A weaker run never takes over from a fuller one that is under way: its answer names the entries it leaves alone. */
import type { KV } from '@nats-io/kv'
import { z } from 'zod'
import type { Entry } from '../../shared/config/site.ts'
import { type RunMode, runMode } from '../../shared/messages.ts'
import { latestRunKey, ledgerKey } from '../../shared/subjects.ts'
import { isWeaker } from '../../shared/weaker-run.ts'

/** What this needs of the notifier's ledger; it writes more. */
export const ledgerHead = z.object({
  run: z.string(),
  deadline: z.string().optional(),
  mode: runMode,
  entries: z.array(z.string()),
  finished: z.string().optional(),
})
const ledgerEntry = z.object({
  refresh: z.object({ state: z.string() }),
  targets: z.array(z.object({ state: z.string() })),
})

/** The entries that a fuller unfinished run is still working on: entry → that run. */
export async function findJoined(
  entries: readonly Entry[],
  mode: RunMode,
  runs: KV,
): Promise<Record<string, string>> {
  const joined: Record<string, string> = {}
  if (mode.push && mode.notify) return joined
  for await (const key of await runs.keys('*')) {
    if (key === latestRunKey) continue
    const found = await runs.get(key)
    const head = found?.operation === 'PUT' ? ledgerHead.safeParse(found.json()).data : undefined
    if (!head || head.finished || !isWeaker(mode, head.mode)) continue
    for (const { name } of entries.filter(({ name: entry }) => head.entries.includes(entry)))
      if (await isWaiting(runs, head.run, name)) joined[name] = head.run
  }
  return joined
}

async function isWaiting(runs: KV, run: string, entry: string): Promise<boolean> {
  const found = await runs.get(ledgerKey(run, entry))
  const row = found?.operation === 'PUT' ? ledgerEntry.safeParse(found.json()).data : undefined
  return row ? row.refresh.state === 'waiting' || row.targets.some(({ state }) => state === 'waiting') : false
}
