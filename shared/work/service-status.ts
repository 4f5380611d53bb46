/** How an entry and its targets stand, from the configuration and the bucket `targets`: what people are shown. Pure. */
import type { Entry } from '../config/site.ts'
import { failure } from '../contracts/errors.ts'
import { type DescribedToken, describedToken, time, tokenReady } from '../contracts/messages.ts'
import { refreshSubject } from '../contracts/subjects.ts'
import { z } from '../contracts/zod.ts'
import { describeTokens } from '../tokens/describe-tokens.ts'
import type { TargetRecord } from './target-record.ts'

const end = time.nullable()

export const serviceStatus = z.object({
  entry: z.string().describe('`<experiment>_<role>` as configured.'),
  service: z.string().describe('`<real experiment>_<role>`: the name in credds and file names.'),
  account: z.string(),
  uid: z.int().nullable().describe('Null until FERRY was asked.'),
  nodes: z.array(z.string()).readonly(),
  credds: z.array(z.string()).readonly(),
  stored: z
    .array(
      z.object({
        credd: z.string(),
        lastSuccess: end.describe('When it was served last.'),
        expiry: end.describe('When its vault token ends, as far as that is known.'),
      }),
    )
    .readonly()
    .describe('Per credd that was served.'),
  lastSuccess: end.describe('When the last token was made.'),
  tokenExpiry: end.describe('When that token ends.'),
  tokens: z
    .array(describedToken)
    .readonly()
    .describe('What its nodes get: each token’s kind, use and end, and why it is not good.')
    .optional(),
  failing: z
    .array(z.string())
    .readonly()
    .describe('Nodes and credds whose last attempt did not succeed, and `token` where none could be made.'),
  revoked: z
    .object({ since: time, reason: z.string() })
    .describe('Its tokens were taken away, and none are made until it is restored.')
    .exactOptional(),
})
export type ServiceStatus = z.infer<typeof serviceStatus>

/** A target's key and record. */
export type KeptTarget = readonly [string, TargetRecord]

/** The status of an entry, from its own records. `uid`: what is known of the account where none is configured. */
export function statusOf(
  entry: Entry,
  records: readonly KeptTarget[],
  uid: number | undefined,
  nowMs: number,
): ServiceStatus {
  const own = records.find(([key]) => key === refreshSubject(entry))?.[1]
  const stores = records.filter(([key]) => key.startsWith('store.')).map(([, record]) => record)
  const pushes = records.filter(([key]) => key.startsWith('push.')).map(([, record]) => record)
  const nodes = pushes.filter(({ target }) => entry.nodes.includes(target ?? ''))
  const credds = stores.filter(({ target }) => !entry.credds || entry.credds.includes(target ?? ''))
  return {
    entry: entry.name,
    service: entry.service,
    account: entry.account,
    uid: entry.desiredUid ?? uid ?? null,
    nodes: entry.nodes,
    credds: entry.credds ?? stores.flatMap(({ target }) => target ?? []),
    stored: credds.flatMap(({ target: credd, lastSuccess, expiry }) =>
      credd ? [{ credd, lastSuccess: lastSuccess ?? null, expiry: expiry ?? null }] : [],
    ),
    lastSuccess: own?.lastSuccess ?? null,
    tokenExpiry: own?.expiry ?? null,
    tokens: tokensOf(entry, own, nowMs),
    failing: [
      ...(own && isFailing(own) ? ['token'] : []),
      ...[...credds, ...nodes].filter(isFailing).flatMap(({ target }) => target ?? []),
    ],
  }
}

/** What the last refresh told of each token, as it stands now; where that failed, why, for those that are over by now. */
function tokensOf(entry: Entry, own: TargetRecord | undefined, nowMs: number): DescribedToken[] {
  const told =
    own?.ended?.kind === 'done' ? tokenReady.safeParse(own.ended.messages[0]?.body).data : undefined
  // Of an issuer's tokens the entry's own end is that of the first.
  const firstEnd = entry.oidc && own?.expiry ? { expiry: own.expiry } : {}
  const made = own?.expiry ? { expiry: own.expiry } : undefined
  const known = told?.tokens ?? describeTokens(entry, made).map((token) => ({ ...firstEnd, ...token }))
  const isGood = ({ expiry }: DescribedToken) => expiry !== undefined && Date.parse(expiry) > nowMs
  const invalid = whyNone(entry, own)
  return known.map((token) => (token.invalid || isGood(token) ? token : { ...token, invalid }))
}

function whyNone({ name }: Entry, own: TargetRecord | undefined): NonNullable<DescribedToken['invalid']> {
  if (own?.ended?.kind === 'failed') {
    const { credds: _, ...why } = own.ended.failure
    return why
  }
  return failure('seal-missing', own?.lastSuccess ? 'It is over.' : `No token of ${name} was made yet.`)
}

/** What is only being worked on is not failing; what was reported and is still tried is. */
export const isFailing = ({ run, ended, reported }: TargetRecord): boolean =>
  ended?.run === run ? ended.kind === 'failed' : reported === true
