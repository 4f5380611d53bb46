/** A pipe for all tests of a suite: started before them, and gone after them with everything that it has started. */
import { join } from 'node:path'
import { after, before } from 'node:test'
import { makeDirectory, type Pipeline, type PipelineOptions, startPipeline } from './pipeline.ts'
import { assertNothingLeft } from './site-ends.ts'

export interface SuitePipeline {
  readonly pipe: Pipeline
  /** The site's own directory. */
  readonly dir: string
  /** The one around it, for what the test makes itself. */
  readonly around: string
}

/** Registers the hooks of the suite it is called in. */
export function usePipeline(
  optionsIn: (around: string) => Omit<PipelineOptions, 'dir'> = () => ({}),
): SuitePipeline {
  const stack = new AsyncDisposableStack()
  let around: string | undefined
  let pipe: Pipeline | undefined

  before(async () => {
    around = stack.use(await makeDirectory()).path
    pipe = await startPipeline({ ...optionsIn(around), dir: join(around, 'site') })
  })

  after(async () => {
    await using _directory = stack
    if (!pipe) return
    await pipe[Symbol.asyncDispose]()
    await assertNothingLeft(pipe.site.dir)
  })

  return {
    get pipe() {
      if (!pipe) throw new Error('the pipe has not started')
      return pipe
    },
    get dir() {
      return this.pipe.site.dir
    },
    get around() {
      if (!around) throw new Error('the pipe has not started')
      return around
    },
  }
}
