/** Opens seals, an entry's newest only once: opening takes milliseconds of the event loop, and every node of it asks anew. */
import { type SealedContent, unseal } from '../../shared/seal.ts'

/** What the sealed value of this entry holds, or null where it cannot be opened. */
export type Unsealing = (sealed: string, entry: string) => SealedContent | null

/** With the secret curve seed. Remembers one content for each entry: the last that was opened. */
export function openUnsealing(seed: Uint8Array): Unsealing {
  const last = new Map<string, { readonly sealed: string; readonly content: SealedContent }>()
  return (sealed, entry) => {
    const known = last.get(entry)
    if (known?.sealed === sealed) return known.content
    const content = unseal(sealed, seed)
    if (content) last.set(entry, { sealed, content })
    return content
  }
}
