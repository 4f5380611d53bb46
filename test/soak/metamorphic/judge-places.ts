/** No wrong token anywhere, and never an older one where a newer one was. Pure. */
import type { Seen } from './observe.ts'

export interface Known {
  /** Whose each token is, by the books of Vault, with its place in the order in which they were made. */
  readonly issued: ReadonlyMap<string, { readonly service: string; readonly number: number }>
  /** The run that each token of a node was made in, where that is known. */
  readonly runOf: ReadonlyMap<string, string>
  /** When somebody else's things lay at a path: from, until (milliseconds). */
  readonly planted: readonly { readonly path: string; readonly from: number; readonly until: number }[]
}

/** A sentence for each broken promise; never a token. */
export function judgePlaces(seen: readonly Seen[], known: Known): string[] {
  const newest = new Map<string, { readonly rank: string; readonly at: number }>()
  return seen.flatMap((one) => {
    if (one.content === undefined) return []
    const token = tokenIn(one)
    const issued = token === undefined ? undefined : known.issued.get(token)
    const when = `at ${(one.at / 1_000).toFixed(1)} s`
    if (token === undefined || !issued)
      return isPlanted(one, known)
        ? []
        : [`${one.place.name} held what nobody issued, or half a token, ${when}`]
    if (issued.service !== one.place.service)
      return [`${one.place.name} held a token of ${issued.service} ${when}`]
    const rank = rankOf(one, token, issued.number, known)
    if (rank === undefined) return []
    const before = newest.get(one.place.path)
    if (before && before.rank > rank)
      return [`${one.place.name} went back to an older token ${when}: ${rank} after ${before.rank}`]
    newest.set(one.place.path, { rank, at: one.at })
    return []
  })
}

/** On nodes runs decide what is newer; in credds, where each store makes its own token, the order in which they were made. */
function rankOf({ place }: Seen, token: string, number: number, { runOf }: Known): string | undefined {
  return place.kind === 'node' ? runOf.get(token) : String(number).padStart(9, '0')
}

function tokenIn({ place, content = '' }: Seen): string | undefined {
  if (place.kind === 'node') return content.endsWith('\n') ? content.slice(0, -1) : undefined
  try {
    return (JSON.parse(content) as { vault_token: string }).vault_token
  } catch {
    return undefined
  }
}

/** A look takes a moment, and so does taking away what was planted. */
const slackMs = 1_500

const isPlanted = ({ place, at }: Seen, { planted }: Known) =>
  planted.some(
    ({ path, from, until }) => path === place.path && at >= from - slackMs && at <= until + slackMs,
  )
