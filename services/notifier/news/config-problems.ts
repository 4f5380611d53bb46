/** Tells the administrators of a configuration file that was refused, once for each distinct content. */
import type { KV } from '@nats-io/kv'
import type { Outgoing } from '../../../shared/bus/publish.ts'
import type { Site } from '../../../shared/config/site.ts'
import type { RunStarted } from '../../../shared/contracts/messages.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { noticesToAdmins } from './admin-notice.ts'
import { isNewProblem } from './last-notified.ts'

/** The messages for what this run's planner found wrong with its file. Seen twice, a run makes the same ones. */
export async function announceConfigProblems(
  { run, configProblems = [], mode }: RunStarted,
  site: Site,
  failures: KV,
): Promise<readonly Outgoing[]> {
  if (!mode.notify || !(await isNewProblem(failures, 'configuration', configProblems, run))) return []
  const lines = configProblems.map((problem) => cleanLine(problem))
  return noticesToAdmins(
    {
      run,
      id: `${run}.configuration`,
      subject: 'managed-tokens: the configuration was changed and is wrong',
      text: `${lines.join('\n')}\n\nThe last good configuration stays in force. To do: correct the file; managed-tokens config check says when it is good.\n`,
    },
    site,
  )
}
