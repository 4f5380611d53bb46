/** Tells the administrators of a configuration file that was refused, once for each distinct content. */
import { createHash } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import { z } from 'zod'
import type { Site } from '../../shared/config/site.ts'
import type { RunStarted } from '../../shared/messages.ts'
import { cleanLine } from '../../shared/outcome-text.ts'
import type { Outgoing } from '../../shared/publish.ts'
import { tellAdmins } from './admin-notice.ts'

/** Key in the bucket `failures`; no entry has a name without a dot. */
const key = 'configuration'
const told = z.object({
  problems: z.string().describe('SHA-256 of the problems told last; empty once the file is good again.'),
  run: z.string().describe('The run that told them.'),
})

/** The messages for what this run's planner found wrong with its file. Seen twice, a run makes the same ones. */
export async function announceConfigProblems(
  { run, configProblems = [], mode }: RunStarted,
  site: Site,
  failures: KV,
): Promise<readonly Outgoing[]> {
  if (!mode.notify) return []
  const found = await failures.get(key)
  const before = found?.operation === 'PUT' ? told.parse(found.json()) : undefined
  const problems = configProblems.length > 0 ? digestOf(configProblems) : ''
  if (problems === (before?.problems ?? '') && run !== before?.run) return []
  await failures.put(key, JSON.stringify({ problems, run }))
  if (problems === '') return []
  const lines = configProblems.map((problem) => cleanLine(problem))
  return tellAdmins(
    {
      run,
      id: `${run}.configuration`,
      subject: 'managed-tokens: the configuration was changed and is wrong',
      text: `${lines.join('\n')}\n\nThe last good configuration stays in force. To do: correct the file; managed-tokens config check says when it is good.\n`,
    },
    site,
  )
}

const digestOf = (problems: readonly string[]) =>
  createHash('sha256').update(problems.join('\n')).digest('hex')
