/** The ids of the runs that have not finished, as one small value in the bucket `runs` that every notifier reads and writes. */
import type { KV } from '@nats-io/kv'
import { attempt } from '../../shared/compare-and-set.ts'
import { z } from '../../shared/zod.ts'

/** No run has an id with a dot. */
const key = 'open.runs'
const ids = z.array(z.string())

export interface OpenRunList {
  /** Oldest first. */
  read(): Promise<readonly string[]>
  add(run: string): Promise<void>
  remove(run: string): Promise<void>
}

/** `find` looks for them where there is no list yet, or somebody has deleted it. */
export async function openRunList(runs: KV, find: () => Promise<string[]>): Promise<OpenRunList> {
  await readList()
  return {
    async read() {
      return (await readList()).list
    },
    add: (run) => changeList((list) => (list.includes(run) ? list : [...list, run].toSorted())),
    remove: (run) => changeList((list) => (list.includes(run) ? list.filter((one) => one !== run) : list)),
  }

  async function readList(): Promise<{ list: readonly string[]; revision: number }> {
    for (;;) {
      const found = await runs.get(key)
      if (found?.operation === 'PUT') return { list: ids.parse(found.json()), revision: found.revision }
      const list = await find()
      const revision = await attempt(() => runs.create(key, JSON.stringify(list)))
      if (revision !== undefined) return { list, revision }
    }
  }

  async function changeList(change: (list: readonly string[]) => readonly string[]): Promise<void> {
    for (;;) {
      const { list, revision } = await readList()
      const next = change(list)
      if (next === list) return
      if ((await attempt(() => runs.update(key, JSON.stringify(next), revision))) !== undefined) return
    }
  }
}
