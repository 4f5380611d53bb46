/**
 * One run over the default site, the first collector of which is down: made once for all suites of a process that look at
 * it, and gone after the last.
 */
import { after } from 'node:test'
import { type Call, readCalls } from '../../sandbox/calls.ts'
import { chooseLoopback } from '../../sandbox/free-port.ts'
import type { RunStatus } from '../../services/notifier/ledger/answer-status.ts'
import type { RunAnswer } from '../../services/refresher/start-run/run-request.ts'
import { makeDirectory, type Pipeline, startPipeline } from './pipeline.ts'
import { countWork, markNow } from './site-ends.ts'

/** In the order in which they are asked; the first is down. */
export const pools = ['collector0.sandbox.test', 'collector.sandbox.test'] as const
/** An address of its own, where every port is free. */
export const metricsHost = chooseLoopback()(0)

export interface WholeRun {
  readonly pipe: Pipeline
  readonly answer: RunAnswer
  readonly status: RunStatus
  /** What it has done, as `countWork` tells it. */
  readonly work: Readonly<Record<string, number>>
  /** The commands that it has run. */
  readonly calls: readonly Call[]
}

const stack = new AsyncDisposableStack()
let making: Promise<WholeRun> | undefined

after(() => stack.disposeAsync())

/** The first who asks has it made; disposing the pipe stops everything before the suites' end. */
export function wholeRun(): Promise<WholeRun> {
  making ??= make()
  return making
}

async function make(): Promise<WholeRun> {
  const directory = stack.use(await makeDirectory())
  const pipe = stack.use(
    await startPipeline({
      ...{ dir: directory.path, traces: true },
      faults: { 'collector-down': ['collector0'] },
      settings: {
        telemetry: { metricsHost, metricsPort: 9_100 },
        condorCollectorHost: pools.join(','),
      },
    }),
  )
  const mark = markNow(pipe.site)
  const answer = await pipe.startRun()
  const status = await pipe.finish(answer.run)
  return { pipe, answer, status, work: countWork(pipe.site, mark), calls: readCalls(pipe.site.dir) }
}
