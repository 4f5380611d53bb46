/** The token that an item asks for, out of the bucket `sealed`: signed by the refresher, and what was asked for in every respect. */
import type { KV, KvEntry } from '@nats-io/kv'
import { isBusError } from '../../../shared/bus/bus-errors.ts'
import { type PatienceOptions, patiently } from '../../../shared/bus/patiently.ts'
import type { Entry } from '../../../shared/config/site.ts'
import { failedWith } from '../../../shared/contracts/errors.ts'
import type { PushItem } from '../../../shared/contracts/messages.ts'
import { sealedKey } from '../../../shared/contracts/subjects.ts'
import type { SealedContent } from '../../../shared/tokens/seal.ts'
import type { Unsealing } from './unsealing.ts'

export type AskedToken = Pick<PushItem, 'run' | 'tokenId' | 'revision'>
type Whose = Pick<Entry, 'name' | 'service'>

export interface OpenDeps {
  readonly sealed: KV
  /** Opens what the refresher sealed. */
  readonly unseal: Unsealing
}

/**
 * The token of the asked revision, or the newest one of the entry where that is a newer run's. Throws Permanent
 * `seal-missing` or `seal-refused`.
 */
export async function openToken(
  asked: AskedToken,
  entry: Whose,
  { sealed, unseal }: OpenDeps,
  patience: PatienceOptions = {},
): Promise<SealedContent> {
  const key = sealedKey(entry.name)
  const found = openedBy(await patiently(() => readRevision(sealed, key, asked.revision), patience))
  if (isUsable(found, (content) => isAsked(content, asked, entry))) return found.content
  const newest = openedBy(await patiently(() => sealed.get(key), patience))
  if (isUsable(newest, (content) => isNewer(content, asked, entry))) return newest.content
  throw refusal(entry, found)

  function openedBy(one: KvEntry | null) {
    return one?.operation === 'PUT' ? unseal(one.string(), entry.name) : undefined
  }
}

type Found = ReturnType<Unsealing> | undefined

const isUsable = (
  found: Found,
  fits: (content: SealedContent) => boolean,
): found is { readonly content: SealedContent } =>
  found !== undefined && 'content' in found && fits(found.content)

/** Whose token it is, of which run, and which one, was sealed with it: no other is ever pushed. Pure. */
export const isAsked = (content: SealedContent, { run, tokenId }: AskedToken, entry: Whose): boolean =>
  isLivingTokenOf(content, entry) && content.run === run && content.tokenId === tokenId

/** A newer run's token of the same entry is as good as the one that is gone. Pure. */
export const isNewer = (content: SealedContent, { run }: Pick<AskedToken, 'run'>, entry: Whose): boolean =>
  isLivingTokenOf(content, entry) && content.run > run

const isLivingTokenOf = (content: SealedContent, { name, service }: Whose) =>
  content.entry === name && content.service === service && Date.parse(content.expiry) > Date.now()

function refusal({ name }: Whose, found: Found): Error {
  if (!found) return failedWith('seal-missing', `The sealed token of ${name} is gone.`)
  if ('content' in found && Date.parse(found.content.expiry) <= Date.now())
    return failedWith('seal-missing', `The sealed token of ${name} is over.`)
  const why = 'why' in found ? found.why : 'it is not the one that was asked for'
  return failedWith('seal-refused', `The sealed token of ${name} is not used: ${why}.`)
}

/** A revision of another key is as good as none; a bus that is away says nothing of it. */
async function readRevision(sealed: KV, key: string, revision: number): Promise<KvEntry | null> {
  try {
    return await sealed.get(key, { revision })
  } catch (error) {
    if (isBusError(error)) throw error
    return null
  }
}
