/** The whole pipe over a current nats-server, beside Debian's 2.9 that the other tests use. */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { verifySite } from '../../sandbox/verify.ts'
import { patience } from '../support/patience.ts'
import { makeDirectory, startPipeline } from '../support/pipeline.ts'
import { goProgram } from './support/real-programs.ts'

test('a run over nats-server 2.12 ends with every token in place, also after the server was killed', async () => {
  process.env.PATH = `${dirname(goProgram('nats-server'))}:${process.env.PATH}`
  await using directory = await makeDirectory()
  await using pipeline = await startPipeline({ dir: directory.path, settings: patience })
  assert.match(pipeline.bus.nc.info?.version ?? '', /^2\.12\./)
  const first = await pipeline.startRun({})
  await pipeline.killAndAwait('nats-server', 'SIGKILL')
  const { totals } = await pipeline.finish(first.run, 300_000)
  assert.deepEqual(totals, { done: 10, failed: 0, superseded: 0, unfinished: 0 })
  assert.deepEqual(
    (await verifySite({ dir: directory.path })).filter(({ problems }) => problems.length > 0),
    [],
  )
})
