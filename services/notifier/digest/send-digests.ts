/** Puts all the news there is into the outbox, as one message for each addressee. */
import type { KV } from '@nats-io/kv'
import { ulid } from 'ulid'
import type { Outgoing } from '../../../shared/bus/publish.ts'
import { formatProblem } from '../../../shared/config/read/problem.ts'
import type { Site } from '../../../shared/config/site.ts'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { inSpanAbout } from '../../../shared/telemetry/traces/run-span.ts'
import { noticesToAdmins } from '../news/admin-notice.ts'
import { isNewProblem } from '../news/last-notified.ts'
import type { News } from '../news/news.ts'
import { endBatch, type KeptBatch, readBatch, takeBatch } from '../news/news-store.ts'
import { composeDigests } from './digest.ts'
import type { LoadedTemplates } from './templates.ts'

export interface DigestDeps {
  readonly site: () => Site
  readonly runs: KV
  readonly failures: KV
  /** Puts the messages into the outbox; returns when all lie there. */
  readonly publish: (messages: readonly Outgoing[]) => Promise<void>
}

/**
 * Sends what there is; nothing where there is none. A notifier that dies meanwhile leaves its batch to the next one,
 * which makes the same messages under the same ids: the outbox takes each once.
 */
export async function sendDigests(deps: DigestDeps, now: Date): Promise<void> {
  const { runs, publish } = deps
  const batch = await takeBatch(runs, () => ulid(now.getTime()), now.toISOString())
  if (!batch) return
  const news = await readBatch(runs, batch)
  if (news) await inSpanAbout('send digests', news, async () => publish(await messagesOf(batch, news, deps)))
  await endBatch(runs, batch)
}

async function messagesOf(
  batch: KeptBatch,
  news: readonly News[],
  { site, failures }: DigestDeps,
): Promise<Outgoing[]> {
  // Loaded here: most of the time there is nothing to send.
  const { loadTemplates } = await import('./templates.ts')
  const loaded = loadTemplates(site().notifier.templates)
  return [
    ...composeDigests({ ...batch, news }, site(), loaded.templates),
    ...(await templateNotice(loaded, batch, site(), failures)),
  ]
}

async function templateNotice(
  { problems }: LoadedTemplates,
  { id }: KeptBatch,
  site: Site,
  failures: KV,
): Promise<Outgoing[]> {
  const lines = problems.map(formatProblem)
  if (!(await isNewProblem(failures, 'templates', lines, id))) return []
  return noticesToAdmins(
    {
      run: id,
      id: `${id}.templates`,
      subject: 'managed-tokens: a template of notifier.templates is wrong',
      text: `${lines.map((one) => cleanLine(one)).join('\n')}\n\nTo do: correct the template; managed-tokens config check says when it is good.\n`,
    },
    site,
  )
}
