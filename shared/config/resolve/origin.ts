/** Where each value of an entry comes from, for `explain`. */
import type { Entry } from '../site.ts'

/** The role itself, an `…Override` key, a key at the top, a template, or the program. */
export interface Origin {
  readonly source: 'entry' | 'override' | 'global' | 'template' | 'default'
  /** The key's path in the file; absent for a default. */
  readonly key?: string
  readonly line?: number
  readonly column?: number
}

/** By entry name, then by the entry's value. */
export type Origins = ReadonlyMap<string, ReadonlyMap<keyof Entry, Origin>>
