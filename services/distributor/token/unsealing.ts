/** Opens seals, an entry's newest only once: opening takes milliseconds of the event loop, and every node of it asks anew. */
import { type Opened, type Opening, unseal } from '../../../shared/tokens/seal.ts'

/** What the sealed value of this entry holds, or why it is not to be used. */
export type Unsealing = (sealed: string, entry: string) => Opened

/** So many entries' contents are kept: those of which nodes still wait. */
const mostKept = 1_000

/** Remembers one content for each entry: the last that was opened. */
export function openUnsealing(opening: Opening): Unsealing {
  const last = new Map<string, { readonly sealed: string; readonly opened: Opened }>()
  return (sealed, entry) => {
    const known = last.get(entry)
    if (known?.sealed === sealed) return known.opened
    const opened = unseal(sealed, opening)
    if (!('content' in opened)) return opened
    last.delete(entry)
    last.set(entry, { sealed, opened })
    const [oldest] = last.keys()
    if (last.size > mostKept && oldest !== undefined) last.delete(oldest)
    return opened
  }
}
