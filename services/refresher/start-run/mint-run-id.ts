/** Mints the ids of runs, one after the other whoever asks. */
import type { KV } from '@nats-io/kv'
import { writeAt } from '../../../shared/bus/compare-and-set.ts'
import { readText } from '../../../shared/bus/read-value.ts'
import { nextRunId, runId } from '../../../shared/contracts/run-id.ts'
import { latestRunKey } from '../../../shared/contracts/subjects.ts'

/** Mints the next id by compare-and-set in `runs`, so that two refreshers never mint out of order. */
export async function mintRunId(runs: KV, now: () => number = Date.now): Promise<string> {
  for (;;) {
    const { value: last, revision } = await readText(runs, latestRunKey, runId)
    const id = nextRunId(last, now())
    if ((await writeAt(runs, latestRunKey, id, revision)) !== undefined) return id
  }
}
