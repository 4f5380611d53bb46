/** Mints the ids of runs, one after the other whoever asks. */
import type { KV } from '@nats-io/kv'
import { nextRunId, runId } from '../contracts/run-id.ts'
import { latestRunKey } from '../contracts/subjects.ts'
import { attempt, writeAt } from './compare-and-set.ts'
import { readText } from './read-value.ts'

/** Mints the next id by compare-and-set in `runs`, so that two refreshers never mint out of order. */
export async function mintRunId(runs: KV, now: () => number = Date.now): Promise<string> {
  for (;;) {
    const { value: last, revision } = await readText(runs, latestRunKey, runId)
    const id = nextRunId(last, now())
    if ((await attempt(() => writeAt(runs, latestRunKey, id, revision))) !== undefined) return id
  }
}
