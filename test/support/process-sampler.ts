/** Watches what `/proc` shows everybody of every process on the machine, from a thread of its own, every few milliseconds. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface Sample {
  /** Every command line and every environment that was seen, once. */
  readonly texts: readonly string[]
  /** How often all processes were looked at. */
  readonly passes: number
}

export interface Sampler extends AsyncDisposable {
  stop(): Promise<Sample>
}

/** Returns once it samples, again and again after a pause: what lives shorter than that may be missed. */
export async function sampleProcesses({ pauseMs = 2 } = {}): Promise<Sampler> {
  const worker = new Worker(new URL('./process-sampler-worker.ts', import.meta.url), {
    workerData: { pauseMs },
  })
  await once(worker, 'message')
  return {
    async stop() {
      const answer = once(worker, 'message')
      worker.postMessage('stop')
      const [sample] = (await answer) as [Sample]
      return sample
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate()
    },
  }
}
