/** The ids of the runs that have not finished, as one small value in the bucket `runs` that every notifier reads and writes. */
import type { KV } from '@nats-io/kv'
import { changeValue } from '../../../shared/bus/compare-and-set.ts'
import { runId } from '../../../shared/contracts/run-id.ts'
import { openRunsKey } from '../../../shared/contracts/subjects.ts'
import { z } from '../../../shared/contracts/zod.ts'

const ids = z.array(runId)

export interface OpenRunList {
  /** Oldest first. */
  read(): Promise<readonly string[]>
  add(run: string): Promise<void>
  remove(run: string): Promise<void>
}

/** `find` looks for them where there is no list yet, or somebody has deleted it. */
export async function openRunList(runs: KV, find: () => Promise<string[]>): Promise<OpenRunList> {
  const change = (next: (list: string[]) => string[]) =>
    changeValue(runs, openRunsKey, ids, async (list) => next(list ?? (await find())))
  const read = async () => (await change((list) => list)) ?? []
  await read()
  return {
    read,
    async add(run) {
      await change((list) => (list.includes(run) ? list : [...list, run].toSorted()))
    },
    async remove(run) {
      await change((list) => (list.includes(run) ? list.filter((one) => one !== run) : list))
    },
  }
}
