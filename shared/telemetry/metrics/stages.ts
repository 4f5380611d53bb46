/** How long each of the predecessor's stages took in the newest run, from the first start to the last end in this daemon. */
import { stageSeconds } from './kept-metrics.ts'

/** Stages of a run, as the predecessor calls them. */
export type Stage =
  | 'setup'
  | 'getKerberosTickets'
  | 'getTokens'
  | 'storeAndGetTokens'
  | 'pingNodes'
  | 'pushTokens'
  | 'cleanup'

/** The predecessor's two programs. */
export type Executable = 'token-push' | 'refresh-uids-from-ferry'

export interface StageClock {
  begin(stage: Stage, run: string): void
  end(stage: Stage, run: string): void
}

/** Ids of runs are in order: what still goes on of an older run changes nothing any more. `now` is monotonic (milliseconds). */
export function openStageClock(now: () => number = () => performance.now()): StageClock {
  const newest = new Map<Stage, { readonly run: string; readonly from: number }>()
  return {
    begin(stage, run) {
      const known = newest.get(stage)
      if (!known || run > known.run) newest.set(stage, { run, from: now() })
    },
    end(stage, run) {
      const known = newest.get(stage)
      if (known?.run === run) setStage('token-push', stage, (now() - known.from) / 1_000)
    },
  }
}

/** Stages that one daemon sees from end to end are set directly. */
export function setStage(
  executable: Executable,
  stage: Stage | 'getFERRYData' | 'refreshManagedTokensDB',
  seconds: number,
): void {
  stageSeconds.set({ executable, stage }, seconds)
}

/** Times work that is the whole of a stage. */
export async function timeStage<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
  const started = performance.now()
  try {
    return await work()
  } finally {
    setStage('token-push', stage, (performance.now() - started) / 1_000)
  }
}
