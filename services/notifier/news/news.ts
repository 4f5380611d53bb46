/** What people are told, piece by piece: what a run has brought is kept until it is told, and told as one. Pure. */
import { type NewsKind, newsKind, time } from '../../../shared/contracts/messages.ts'
import { runId } from '../../../shared/contracts/run-id.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { affected } from '../failures/affected.ts'

/** One piece of news. All texts are one clean line each; times are RFC 3339. */
export const news = z.object({
  kind: newsKind,
  run: runId.describe('The run that brought it; of what no run brought, the last one.'),
  at: time,
  isTest: z.boolean().describe('Of a run that does not push: for the people of `notifications_test`.'),
  entry: z.string().optional().describe('Absent where it concerns no entry.'),
  service: z.string().optional(),
  where: z.enum(['refresh', 'credd', 'node']).optional(),
  name: z.string().optional().describe('Credd or node; for `refresh` the service.'),
  audience: z
    .enum(['administrators', 'stakeholders'])
    .optional()
    .describe('Who alone hears of it; absent: everybody whom it concerns.'),
  about: z.string().optional().describe('Later news about the same takes its place.'),
  cause: z
    .object({ kind: z.string(), name: z.string().describe('Empty where nobody says.') })
    .optional()
    .describe('What is at fault.'),
  affected: affected.optional().describe('What hangs on the cause.'),
  code: z.string().optional(),
  title: z.string().optional().describe('Of a notice: what there is to say.'),
  message: z.string().default(''),
  action: z.string().default(''),
  since: time.optional().describe('When the first run in a row failed; of silence, the last run’s end.'),
  runs: z.int().optional().describe('Runs in a row.'),
  ends: z
    .array(newsKind)
    .optional()
    .describe('What of `recovered` is over: who could not hear of any of these does not hear of their end.'),
  notBy: z
    .string()
    .optional()
    .describe('Not told on the channel of this subject: what could not be delivered there.'),
  expiry: time.optional().describe('When the token there ends.'),
  traceId: z.string().optional(),
  spanId: z.string().optional(),
})
export type News = z.infer<typeof news>

/** The most urgent first. */
const order: readonly NewsKind[] = [
  ...(['authentication', 'expiring', 'silence', 'failure', 'notice'] as const),
  ...(['recovered', 'completed', 'test'] as const),
]

/** What the news is about: later news of the same takes its place. */
function aboutOf({ kind, isTest, audience, about, entry, where, name, title, message, notBy }: News): string {
  if (about !== undefined) return [isTest, audience, about].join('\n')
  if (kind === 'notice') return [kind, title, message, notBy].join('\n')
  const what = kind === 'expiring' ? 'life' : kind === 'completed' ? 'run' : 'state'
  return [isTest, audience, what, entry, where, name].join('\n')
}

/**
 * News of many runs as one: of each thing how it stands now, and each outage that is over. A failure that is over before
 * anybody heard of it is told as what it was, an outage.
 */
export function mergeNews(all: readonly News[]): News[] {
  const inOrder = all.toSorted((a, b) => compare(a.run, b.run) || compare(a.at, b.at))
  const latest = new Map<string, News>()
  const over: News[] = []
  for (const one of inOrder) {
    const about = aboutOf(one)
    const before = latest.get(about)
    if (before?.kind === 'recovered' && one.kind !== 'recovered') over.push(before)
    latest.set(about, one)
  }
  return [...latest.values(), ...over].toSorted(
    (a, b) =>
      order.indexOf(a.kind) - order.indexOf(b.kind) ||
      compare(a.entry ?? '', b.entry ?? '') ||
      wheres.indexOf(a.where) - wheres.indexOf(b.where) ||
      compare(a.name ?? '', b.name ?? '') ||
      compare(a.run, b.run),
  )
}

const wheres: readonly (News['where'] | undefined)[] = ['refresh', 'credd', 'node', undefined]
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
