/** Work for the distributor as the refresher and the plan would have made it: tokens sealed into KV, one item for each pair. */
import { randomUUID } from 'node:crypto'
import type { Bus } from '../../shared/bus/connect.ts'
import type { Work } from '../../shared/bus/publish.ts'
import { type PushItem, schemaVersion, timestamp } from '../../shared/contracts/messages.ts'
import { buckets, pushSubject, sealedKey, streams } from '../../shared/contracts/subjects.ts'
import { type Sealing, seal } from '../../shared/tokens/seal.ts'
import { entryName, type SiteEntry, serviceName } from '../entry.ts'
import type { Pair } from './pairs.ts'

const hourMs = 3_600_000

/** Seals each entry's token once, and returns the items to publish. */
export async function pushItems(
  refresher: Bus,
  run: string,
  pairs: readonly Pair[],
  sealing: Sealing,
): Promise<Work[]> {
  const expiry = timestamp(new Date(Date.now() + 100 * hourMs))
  const deadline = timestamp(new Date(Date.now() + hourMs))
  const sealed = await refresher.bucket(buckets.sealed)
  const tokens = new Map(pairs.map(({ entry, token }) => [entry, token]))
  const facts = await Promise.all(
    [...tokens].map(async ([entry, token]) => {
      const { tokenId, key, content } = describe(entry, token)
      const revision = await sealed.put(key, seal({ ...content, run, expiry }, sealing))
      return [entry, { tokenId, key, revision, expiry, deadline }] as const
    }),
  )
  const factsOf = new Map(facts)
  return pairs.map(({ entry, node }) => {
    const { experiment, role, uid } = entry
    const body = {
      ...{ schema: schemaVersion, at: timestamp(), run, experiment, role, uid, node },
      ...{ entry: entryName(entry), service: serviceName(entry), mode: { push: true, notify: false } },
      ...factsOf.get(entry),
    } as PushItem
    return { kind: 'work', stream: streams.push, subject: pushSubject(entry, node), body }
  })
}

function describe(entry: SiteEntry, token: string) {
  const tokenId = randomUUID()
  const [name, service] = [entryName(entry), serviceName(entry)]
  return { tokenId, key: sealedKey(name), content: { entry: name, service, tokenId, token } }
}
