/** What of that which lies on a node is ours to remove. Pure. */

/** What a node says of one path. */
export type Seen =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly mode: string; readonly digest: string }
  /** A link, a directory, somebody else's. */
  | { readonly kind: 'other'; readonly what: string }
  | { readonly kind: 'removed' }
  | { readonly kind: 'failed'; readonly why: string }

export interface SeenFile {
  readonly path: string
  /** Fingerprints of what was put there by us, as far as that is known. */
  readonly prints: readonly string[]
  readonly seen: Seen
}

export interface JudgeRules {
  /** Whether a digest is that of something with one of these fingerprints. */
  readonly matches: (digest: string, prints: readonly string[]) => boolean
  /** The path's name says that it is of this service and no other. */
  readonly isOwnName: (path: string) => boolean
}

export interface Judgement {
  /** With the digest that has to be there still. */
  readonly remove: readonly { readonly path: string; readonly digest: string }[]
  /** Left alone: a clause for people each. */
  readonly left: readonly string[]
}

/**
 * Ours is what has a known fingerprint. Where none is known of a path (the bus was emptied, an older version pushed): what
 * bears the service's own name in the mode of a managed token, and what has the same content as that.
 */
export function judge(files: readonly SeenFile[], { matches, isOwnName }: JudgeRules): Judgement {
  const managed = '400'
  const isOurs = ({ path, prints, seen }: SeenFile) =>
    seen.kind === 'file' &&
    (prints.length > 0 ? matches(seen.digest, prints) : isOwnName(path) && seen.mode === managed)
  const ours = files.filter(isOurs)
  const digests = new Set(ours.flatMap(({ seen }) => (seen.kind === 'file' ? seen.digest : [])))
  const alike = files.filter(
    (file) => file.seen.kind === 'file' && digests.has(file.seen.digest) && !ours.includes(file),
  )
  const remove = [...ours, ...alike]
  return {
    remove: remove.flatMap(({ path, seen }) => (seen.kind === 'file' ? { path, digest: seen.digest } : [])),
    left: files.filter((file) => !remove.includes(file)).flatMap(describeLeft),
  }
}

function describeLeft({ path, prints, seen }: SeenFile): string[] {
  if (seen.kind === 'other') return [`${path} is not ours (${seen.what})`]
  if (seen.kind !== 'file') return []
  return [
    prints.length > 0
      ? `${path} holds something else than what was put there`
      : `${path} is not known to be of this service`,
  ]
}
