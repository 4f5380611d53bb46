/** One step of setup: what shall be there, whether it is, and the shell commands that make it so. */
import type { Machine } from './machine.ts'

export type Verdict =
  /** As it shall be. */
  | { readonly state: 'kept'; readonly says: string }
  /** To be made so by `script`, which may be ended anywhere and run again. No secret is in it. */
  | { readonly state: 'todo'; readonly says: string; readonly script: readonly string[] }
  /** What nobody but a person can say; the rest goes on without it. */
  | { readonly state: 'yours'; readonly says: string; readonly next: string }
  /** What stands in the way; nothing that comes after it is done. */
  | { readonly state: 'problem'; readonly says: string; readonly next: string }

export interface Step {
  readonly about: string
  /** Decides from what is found now. Pure apart from the machine that it looks at. */
  look(machine: Machine): Verdict
}

export const kept = (says: string): Verdict => ({ state: 'kept', says })
export const yours = (says: string, next: string): Verdict => ({ state: 'yours', says, next })
export const problem = (says: string, next: string): Verdict => ({ state: 'problem', says, next })

/** To do where there is a command, else kept. */
export const todo = (script: readonly string[], says: string, otherwise = says): Verdict =>
  script.length > 0 ? { state: 'todo', says, script } : kept(otherwise)

/** One word for a shell. */
export const quote = (word: string) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
