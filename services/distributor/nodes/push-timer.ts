/** Times a push, and keeps what the predecessor measured by pinging: whether the node could be reached, and how fast. */
import type { Entry } from '../../../shared/config/site.ts'
import { Transient } from '../../../shared/contracts/errors.ts'
import { failedPings, pingSeconds } from '../../../shared/telemetry/metrics/kept-metrics.ts'
import { openStageClock } from '../../../shared/telemetry/metrics/stages.ts'
import { timeStep } from '../../../shared/telemetry/metrics/steps.ts'
import { awayCodes } from './circuit-breaker.ts'

const clock = openStageClock()
/** Node → the run in which it was contacted last. */
const contacted = new Map<string, string>()

/** Runs one push. The first one to a node in a run is its ping. */
export async function timePush<T>(
  { name, service }: Pick<Entry, 'name' | 'service'>,
  { node, run }: { readonly node: string; readonly run: string },
  push: () => Promise<T>,
): Promise<T> {
  const isFirst = contacted.get(node) !== run
  contacted.set(node, run)
  const started = performance.now()
  if (isFirst) clock.begin('pingNodes', run)
  try {
    const result = await timeStep('push', name, { service, node }, push)
    failedPings.set({ node }, 0)
    if (isFirst) pingSeconds.observe({ node }, (performance.now() - started) / 1_000)
    return result
  } catch (error) {
    if (error instanceof Transient) failedPings.set({ node }, awayCodes.has(error.failure.code) ? 1 : 0)
    throw error
  } finally {
    if (isFirst) clock.end('pingNodes', run)
  }
}
