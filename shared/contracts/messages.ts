/**
 * Every message on the bus, checked by zod on both sides. Messages carry keys and facts, never settings and never a
 * token: each daemon resolves an entry from its own configuration. Unknown fields are ignored; an unknown *major* of
 * `schema` is refused.
 */
import { type ReasonCode, reasons } from './reasons.ts'
import { runId } from './run-id.ts'
import { z } from './zod.ts'

/** Major and minor version of the messages below. A minor may only add optional fields. */
export const schemaVersion = '1.0'

const versioned = {
  schema: z
    .string()
    .regex(/^1\.\d+$/, 'this program reads schema 1.x')
    .describe('`<major>.<minor>` of the message.'),
}
/** When something was or will be: RFC 3339. */
export const time = z.iso.datetime({ offset: true })

export const reasonCode = z
  .enum(Object.keys(reasons) as [ReasonCode, ...ReasonCode[]])
  // A newer daemon may know more codes than this one: the failure counts all the same.
  .catch('unexpected')
  .describe('Stable reason code, see docs/reasons.md.')

/** What a run may do: `push: false` leaves nodes alone, `notify: false` mutes it. */
export const runMode = z.object({ push: z.boolean(), notify: z.boolean() })
export type RunMode = z.infer<typeof runMode>

/** Who asked, as the program that asked says it. */
export const asker = z.object({
  user: z.string().describe('The bus user.'),
  host: z.string(),
  person: z.string().describe('The login name there.'),
})
export type Asker = z.infer<typeof asker>

const ofRun = { ...versioned, run: runId, at: time.describe('When this was published.') }
const ofEntry = {
  ...ofRun,
  entry: z.string().describe('`<experiment>_<role>` as configured.'),
  service: z.string().describe('`<real experiment>_<role>`: the name in credds and file names.'),
  experiment: z.string().describe('As configured; with `role` it makes the subject.'),
  role: z.string(),
}

/** A plan for a million nodes has fewer parts. */
const mostParts = 1_000

/**
 * `run.started`: the plan of a run. Everything else follows from it, so it is all that has to be published to start one. A plan
 * that is too long for one message comes in several, each with some of its entries.
 */
export const runStarted = z.object({
  ...ofRun,
  deadline: time.describe(
    '`globalTimeout` after the start: what was not tried by then is reported as unfinished.',
  ),
  configHash: z.string().describe("SHA-256 of the planner's configuration file."),
  trigger: z.enum(['request', 'schedule']),
  mode: runMode,
  configProblems: z
    .array(z.string())
    .describe(
      '`file:line:column: …` of a configuration file that was refused: the last good one is in force.',
    )
    .optional(),
  part: z
    .object({
      number: z.int().min(1),
      of: z.int().min(2).max(mostParts),
      plan: z.string().describe('SHA-256 of the names of all its entries: the same for the same plan.'),
    })
    .describe('Which part of the plan this is; absent where it is all of it.')
    .optional(),
  entries: z.array(
    z.object({
      entry: z.string(),
      service: z.string(),
      experiment: z.string(),
      role: z.string(),
      nodes: z.array(z.string()),
      credds: z.array(z.string()).describe('Of a revocation: those that are asked to forget.').optional(),
    }),
  ),
  by: asker.optional(),
  leftAlone: z
    .array(z.object({ entry: z.string(), service: z.string(), since: time, reason: z.string() }))
    .describe('Entries of revoked services, which this run has nothing to do with.')
    .optional(),
  revocation: z
    .object({ reason: z.string() })
    .describe('This run takes the tokens of its entries away from everywhere.')
    .optional(),
})
export type RunStarted = z.infer<typeof runStarted>

/** `refresh.<experiment>.<role>`: make this entry's token. */
export const refreshItem = z.object({ ...ofEntry, mode: runMode, deadline: time })
export type RefreshItem = z.infer<typeof refreshItem>

/** Where a sealed token lies: key and revision in the bucket `sealed`, and what it must turn out to be. */
const sealedToken = {
  tokenId: z.string().describe('Random id of the token; says nothing about its value.'),
  expiry: time.describe(
    "When the entry's vault token ends: on nodes, or what their bearer tokens are made from.",
  ),
  key: z.string().describe('Key in the bucket `sealed`.'),
  revision: z.int().describe('Revision of that key.'),
}

const whyNot = z.object({
  code: reasonCode,
  message: z.string(),
  action: z.string(),
  causeName: z.string().exactOptional(),
})

/** One of the tokens that an entry's nodes get. Its value is in no message. */
export const describedToken = z.object({
  type: z.enum(['vault', 'bearer']),
  purpose: z.string().describe('As configured; absent: the one without.').optional(),
  path: z.string().describe('As configured, a template; absent: the usual place.').optional(),
  issuer: z.string().describe('Its claim `iss`.').optional(),
  audience: z.array(z.string()).describe('Its claim `aud`, else as configured; empty: as its issuer has it.'),
  scopes: z.array(z.string()).describe('Its claim `scope`, else as configured.'),
  expiry: time.describe('When it ends; absent: not known, or there is none.').optional(),
  invalid: whyNot.describe('Why there is no good one; absent: it is good.').optional(),
})
export type DescribedToken = z.infer<typeof describedToken>
const describedTokens = z
  .array(describedToken)
  .describe('What the entry’s nodes get, never the tokens themselves; absent from older daemons.')
  .optional()

/** `token.ready.<experiment>.<role>`: a vault token for nodes exists, sealed; storing may start as well. */
export const tokenReady = z.object({
  ...ofEntry,
  mode: runMode,
  deadline: time,
  ...sealedToken,
  uid: z.int().describe("The account's UID on nodes; absent: each node is asked for it.").optional(),
  reused: z.boolean().describe('The last token was still good for long enough.'),
  left: z.string().describe('How long the token lives from now on, for people: `27d23h`.').optional(),
  renewAt: time
    .describe('When the bearer tokens among it have to be made anew; absent: not before the next run.')
    .optional(),
  credds: z.array(z.string()),
  tokens: describedTokens,
  lacking: whyNot
    .describe(
      'Why a bearer token for nodes is missing, where no push tells of it: the entry has failed, its credds have not.',
    )
    .optional(),
})
export type TokenReady = z.infer<typeof tokenReady>

/** `store.<experiment>.<role>.<credd>`: see that this credd holds a good vault token. */
export const storeItem = z.object({
  ...ofEntry,
  mode: runMode,
  deadline: time,
  ready: z.lazy(() => tokenReady),
  credd: z.string(),
  storedUntil: time
    .describe('When the token ends that the credd holds, as far as is known: the soonest is served first.')
    .optional(),
})
export type StoreItem = z.infer<typeof storeItem>

/** `push.<experiment>.<role>.<node>`: put the sealed token there. */
export const pushItem = z.object({
  ...ofEntry,
  mode: runMode,
  deadline: time,
  ...sealedToken,
  uid: z.int().optional(),
  node: z.string(),
})
export type PushItem = z.infer<typeof pushItem>

/** What takes a token away has nothing of what brings one: a daemon that does not know it cannot take it for that. */
const removal = { ...ofEntry, deadline: time, action: z.literal('remove') }

/** `refresh.<experiment>.<role>`: make an entry's vault tokens worthless. */
export const refreshRemoval = z.object({
  ...removal,
  keepLogin: z.boolean().describe('The refresh token stays: whoever restores need not log in.'),
})
export type RefreshRemoval = z.infer<typeof refreshRemoval>

/** `store.<experiment>.<role>.<credd>`: have this credd forget its credential. */
export const storeRemoval = z.object({ ...removal, credd: z.string() })
export type StoreRemoval = z.infer<typeof storeRemoval>

/** `push.<experiment>.<role>.<node>`: remove there what was put there. */
export const pushRemoval = z.object({
  ...removal,
  node: z.string(),
  uid: z.int().describe("The account's UID on nodes, where it is known.").optional(),
})
export type PushRemoval = z.infer<typeof pushRemoval>

/** What lies in the work queues: the removal first, since an item that brings a token never names an action. */
export const refreshWork = z.union([refreshRemoval, refreshItem])
export const storeWork = z.union([storeRemoval, storeItem])
export const pushWork = z.union([pushRemoval, pushItem])
export type RefreshWork = z.infer<typeof refreshWork>
export type StoreWork = z.infer<typeof storeWork>
export type PushWork = z.infer<typeof pushWork>

export const takesAway = <T extends object>(item: T): item is T & { readonly action: 'remove' } =>
  'action' in item && item.action === 'remove'

/** On the success of a target whose failure this run had told before. */
const recovered = z
  .object({ since: time.describe('When that failure was told.') })
  .describe('The target had failed before in this run, and that was told.')
  .optional()

/** `token.stored.<experiment>.<role>`: the credd was asked and has it. */
export const tokenStored = z.object({
  ...ofEntry,
  mode: runMode,
  deadline: time,
  credd: z.string(),
  expiry: time.describe("When the credd's vault token ends, as far as is known.").optional(),
  waitingSince: time
    .describe('Stored then, and no credential monitor has looked at it since: jobs get no bearer from it.')
    .optional(),
  ready: tokenReady.describe('The event this answers, so that `pushAfter: stored` needs no second source.'),
  recovered,
})
export type TokenStored = z.infer<typeof tokenStored>

/** `token.pushed.<experiment>.<role>`: the files are on the node and were looked at. */
export const tokenPushed = z.object({
  ...ofEntry,
  node: z.string(),
  tokenId: z.string(),
  expiry: time,
  tokens: describedTokens,
  warning: z
    .string()
    .describe('The default role file could not be written; the token files could.')
    .optional(),
  recovered,
})
export type TokenPushed = z.infer<typeof tokenPushed>

/** `token.removed.<experiment>.<role>`: nothing of the entry is left at the target. */
export const tokenRemoved = z.object({
  ...ofEntry,
  stage: z.enum(['refresh', 'store', 'push']),
  target: z
    .string()
    .describe('The credd or node; absent for stage `refresh`, which is Vault or the issuer.')
    .optional(),
  outcome: z.enum(['removed', 'absent', 'left']).describe('`left`: what lies there is not ours.'),
  warning: z
    .string()
    .describe('What lies there and was left alone, or what goes on working and until when.')
    .optional(),
  until: time.describe('When the last copy ends that cannot be taken away.').optional(),
  recovered,
})
export type TokenRemoved = z.infer<typeof tokenRemoved>

/** `token.failed.<experiment>.<role>`: an entry (stage `refresh`) or one target could not be served. */
export const tokenFailed = z.object({
  ...ofEntry,
  stage: z.enum(['refresh', 'store', 'push']),
  target: z.string().describe('The credd or node; absent for stage `refresh`.').optional(),
  code: reasonCode,
  message: z.string().describe('One sentence for people.'),
  action: z.string().describe('What to do.'),
  causeName: z
    .string()
    .describe('What is at fault where it is not the target itself: a host of Vault, of the token issuer.')
    .optional(),
  credds: z
    .array(z.string())
    .readonly()
    .describe('Stage `refresh`: the credds that get nothing, as far as they are known.')
    .optional(),
  permanent: z.boolean().describe('`false`: it is still being tried, and a later success is a recovery.'),
})
export type TokenFailed = z.infer<typeof tokenFailed>

/** How a target of a run can stand; the last four are ends. */
export const targetState = z.enum(['waiting', 'done', 'failed', 'superseded', 'unfinished'])

/** `run.finished`: every target has ended, or the deadline has passed. */
export const runFinished = z.object({
  ...ofRun,
  started: time,
  mode: runMode,
  totals: z.object({ done: z.int(), failed: z.int(), superseded: z.int(), unfinished: z.int() }),
})
export type RunFinished = z.infer<typeof runFinished>

/** `run.uids`: FERRY was asked for the UIDs of all accounts. `run` is the id that the request was answered with. */
export const runUids = z.object({
  ...ofRun,
  trigger: z.enum(['request', 'schedule']),
  known: z.array(z.object({ account: z.string(), uid: z.int() })),
  failed: z
    .array(
      z.object({
        account: z.string(),
        code: reasonCode,
        message: z.string().describe('With FERRY’s own words.'),
        action: z.string(),
        uid: z.int().describe('The last good one, which stays in force.').optional(),
      }),
    )
    .describe('The last good UID stays in force, unless FERRY refuses the account.'),
  more: z
    .object({ known: z.int(), failed: z.int() })
    .describe('How many besides, where one message cannot name them all.')
    .optional(),
})
export type RunUids = z.infer<typeof runUids>

/** What a message to people is about; docs/notifications.md says who hears which, and when. */
export const newsKind = z.enum([
  'failure',
  'authentication',
  'expiring',
  'silence',
  'recovered',
  'notice',
  'completed',
  'test',
])
export type NewsKind = z.infer<typeof newsKind>

/** One piece of news as fields, for channels that lay it out themselves. All texts are one clean line each. */
export const newsRow = z.object({
  kind: newsKind,
  entry: z.string().describe('Absent where it concerns no entry.').optional(),
  service: z.string().optional(),
  where: z.enum(['refresh', 'credd', 'node']).describe('`refresh`: no token was made.').optional(),
  name: z.string().describe('The credd or node; for `refresh` the service.').optional(),
  cause: z
    .object({
      kind: z.string().describe('`vault`, `issuer`, `kdc`, `node`, `credd` …'),
      name: z.string().describe('A host or a node; absent where nobody says.').optional(),
    })
    .describe('What is at fault, where that is known.')
    .optional(),
  affected: z
    .object({
      things: z
        .array(
          z.object({
            entry: z.string(),
            service: z.string(),
            where: z.enum(['refresh', 'credd', 'node']),
            name: z.string(),
          }),
        )
        .describe('What failed by it, as many as fit.'),
      total: z.int().describe('How many failed by it.'),
      entries: z.array(z.string()).describe('Whose they are.'),
      nodes: z.array(z.string()).describe('They wait for a token that was not made.'),
      credds: z.array(z.string()).describe('As `nodes`.'),
    })
    .describe('What hangs on the cause.')
    .optional(),
  code: z.string().describe('Reason code, see docs/reasons.md.').optional(),
  headline: z.string().describe('One sentence for people: what, where, since when.'),
  message: z.string().describe('Why; empty where nothing is wrong.'),
  action: z.string().describe('What to do; empty where there is nothing to do.'),
  since: time.describe('When it began.').optional(),
  runs: z.int().describe('Runs in a row.').optional(),
})
export type NewsRow = z.infer<typeof newsRow>

/** `notify.<channel>.<addressee>`: one message to one addressee, waiting until the channel has taken it. */
export const notification = z.object({
  ...ofRun,
  channel: z.enum(['email', 'slack', 'webhook']),
  to: z
    .string()
    .describe(
      'A mail address, or else which configured hook: `admin`, `admin_test` or `experiment:<name>`. Never a URL.',
    ),
  id: z.string().describe('Same for every delivery of the same message; makes the Message-ID.'),
  subject: z.string(),
  text: z.string(),
  html: z.string().optional(),
  thread: z
    .string()
    .describe('What mails are threaded by: a service; absent where a message is about several.')
    .optional(),
  traceUrl: z.url().describe('The trace of the run, where `notifier.traceLink` is configured.').optional(),
  rows: z.array(newsRow).describe('The same news as fields, as many as fit.').optional(),
  more: z.int().describe('How many pieces of news did not fit; the text says where to read them.').optional(),
})
export type Notification = z.infer<typeof notification>

/** `dead.<stream>.<consumer>`: a message that could not be handled, and why. */
export const deadLetter = z.object({
  ...versioned,
  at: time,
  reason: z.string(),
  subject: z.string(),
  sequence: z.int(),
  body: z.string().describe('The first 4 kB, as received.'),
})
export type DeadLetter = z.infer<typeof deadLetter>

/** `dead.lost.<daemon>`: a stream, bucket or consumer was gone, and the daemon that owns it has made it again. */
export const lossLetter = z.object({
  ...versioned,
  at: time,
  what: z.string().describe('Such as `bucket targets`.'),
  meaning: z.string().describe('What it means and what fills it again, as a clause.'),
  madeAgain: z.string().describe('When, by the server’s clock: the same loss is told once.'),
})
export type LossLetter = z.infer<typeof lossLetter>

/** Now, as messages write times. */
export const timestamp = (now: Date = new Date()): string => now.toISOString()
