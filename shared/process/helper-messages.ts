/** What a daemon and the helper that starts processes for it tell each other, over a channel of their own. */
import type { ProcessEnd, ProcessPlan } from './start-process.ts'

/** `id` is the daemon's number for a process, from when it is asked for. */
export type ToHelper =
  | { readonly id: number; readonly plan: ProcessPlan }
  /** Stop reading the output of this one. */
  | { readonly letGo: number }

export type FromHelper =
  | { readonly id: number; readonly pid: number }
  | { readonly id: number; readonly end: ProcessEnd }
