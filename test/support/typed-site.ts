/**
 * A site at which commands are typed: one for all suites of a process that use it, started before the first and gone, with
 * everything that it has started, after the last. A suite leaves it as it has found it.
 */
import { join } from 'node:path'
import { after, before } from 'node:test'
import { patient } from '../cli/patient.ts'
import { makeDirectory, type Pipeline, startPipeline } from './pipeline.ts'
import { assertNothingLeft } from './site-ends.ts'

let starting: Promise<Pipeline> | undefined
const stack = new AsyncDisposableStack()

async function start(): Promise<Pipeline> {
  const { path } = stack.use(await makeDirectory())
  return startPipeline({ dir: join(path, 'site'), settings: patient })
}

after(async () => {
  await using _directory = stack
  const pipe = await starting?.catch(() => undefined)
  if (!pipe) return
  await pipe[Symbol.asyncDispose]()
  await assertNothingLeft(pipe.site.dir)
})

/** Registers the hook of the suite it is called in. */
export function useTypedSite(): { readonly pipe: Pipeline } {
  let pipe: Pipeline | undefined
  before(async () => {
    starting ??= start()
    pipe = await starting
  })
  return {
    get pipe() {
      if (!pipe) throw new Error('the site has not started')
      return pipe
    },
  }
}
