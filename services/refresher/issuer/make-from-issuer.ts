/** All that an entry’s nodes get from a token issuer: each bearer token made or failed by itself, and the issuer left alone when it asks for that. */
import type { Logger } from 'pino'
import type { Entry, Site } from '../../../shared/config/site.ts'
import { failure, Permanent, RetryLater, Transient } from '../../../shared/contracts/errors.ts'
import { timestamp } from '../../../shared/contracts/messages.ts'
import { joinBearers, type MadeBearer, type MadeBearers, makeBearer } from '../credentials/bearers.ts'
import { type FromIssuer, type IssuerDeps, IssuerPause, tokenFromIssuer } from './token-from-issuer.ts'

export interface MakeOptions {
  readonly site: Pick<Site, 'issuers' | 'timeouts' | 'vault'>
  /** Of the run. */
  readonly deadline: string
  readonly signal: AbortSignal
  readonly log: Logger
}

/**
 * Throws what the first one met where none could be made, and RetryLater where that is only not yet: the issuer wants to be left
 * alone, or another replica asks with the same login.
 */
export async function makeFromIssuer(
  entry: Entry,
  options: MakeOptions,
  deps: IssuerDeps,
): Promise<MadeBearers & { readonly end: Date; readonly reused: false }> {
  const from = sourceOf(entry, options, deps)
  const make = (bearer: Entry['deliver']['bearers'][number]) => tokenFromIssuer(entry, bearer, from)
  const made: MadeBearer[] = []
  const refuseWhilePaused = () => {
    const leftMs = deps.issuers.pauseLeft(from.config)
    if (leftMs > 0) throw new RetryLater(leftMs)
  }
  // In turns: a login answers one question after the other, and a refusal of one is soon that of all.
  for (const bearer of entry.deliver.bearers) {
    refuseWhilePaused()
    made.push(await makeBearer(entry, bearer, { ...options, make }))
    mayGoOn(made, from, options)
  }
  const ends = made.flatMap(({ sealed }) => ('expiry' in sealed ? Date.parse(sealed.expiry) : []))
  if (ends.length === 0) throw made[0]?.error
  return { ...joinBearers(made), end: new Date(Math.min(...ends)), reused: false }
}

function sourceOf(entry: Entry, { site, signal }: MakeOptions, deps: IssuerDeps): FromIssuer {
  const config = site.issuers[entry.oidc?.issuer ?? '']
  if (!entry.oidc || !config)
    throw new Permanent(
      failure('entry-unknown', `${entry.name} has no issuer in this daemon’s configuration.`),
    )
  return { ...deps, config, grant: entry.oidc.grant, timeoutMs: site.timeouts.vaultStorerMs, signal }
}

/** Throws where the others would meet the same: a pause that ends before the run does is waited for without a word. */
function mayGoOn(
  made: readonly MadeBearer[],
  { config, issuers }: FromIssuer,
  { site, deadline, log }: MakeOptions,
): void {
  const error = made.at(-1)?.error
  if (error instanceof RetryLater) throw error
  if (!(error instanceof IssuerPause)) {
    if (made.length === 1 && isOfAll(error)) throw error
    return
  }
  const pauseMs = error.retryAfterMs ?? site.vault.rateLimitPause
  issuers.pause(config, pauseMs)
  const until = timestamp(new Date(Date.now() + pauseMs))
  log.warn({ until, issuer: config.url }, 'the token issuer asks for a pause')
  throw until < deadline ? new RetryLater(pauseMs) : error
}

/** Of the issuer as a whole, or of the login: one that hangs is not waited for once more. */
const isOfAll = (error: unknown) =>
  (error instanceof Permanent || error instanceof Transient) &&
  !['bearer-refused', 'bearer-life-refused'].includes(error.failure.code)
