/** What of an opened seal belongs on this entry's nodes now, and why something of it is lacking. Pure. */
import type { Bearer } from '../../../shared/config/schema/deliver-schema.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { type Failure, failure } from '../../../shared/contracts/errors.ts'
import type { SealedContent } from '../../../shared/tokens/seal.ts'

/** A bearer token to put on a node. */
export interface DeliveredBearer {
  /** As configured. */
  readonly bearer: Bearer
  readonly token: string
  /** When it ends. */
  readonly expiry: string
}

export interface Delivery {
  /** The vault token; absent where this entry's nodes must not have it. */
  readonly token: string | undefined
  readonly bearers: readonly DeliveredBearer[]
  /** The first reason why not everything is there: the rest is pushed all the same, and then this is reported. */
  readonly lacking: Failure | undefined
}

/** By this daemon's own configuration: what was sealed besides stays where it is. */
export function deliveryOf(
  { name, deliver }: Pick<Entry, 'name' | 'deliver'>,
  content: Pick<SealedContent, 'token' | 'bearers'>,
  nowMs: number,
): Delivery {
  const bearers: DeliveredBearer[] = []
  const lacking: Failure[] = []
  const lack = (what: string) =>
    lacking.push(failure('seal-missing', `The last run made no ${what} for nodes of ${name}, or it is over.`))
  if (deliver.vault && content.token === undefined) lack('vault token')
  for (const bearer of deliver.bearers) {
    const { purpose, path } = bearer
    const sealed = content.bearers?.find((one) => one.purpose === purpose && one.path === path)
    if (sealed && 'failure' in sealed) lacking.push(sealed.failure)
    else if (sealed && Date.parse(sealed.expiry) > nowMs)
      bearers.push({ bearer, token: sealed.token, expiry: sealed.expiry })
    else lack('bearer token')
  }
  return { token: deliver.vault ? content.token : undefined, bearers, lacking: lacking[0] }
}
