/** Forty services with two nodes that swallow every connection: all of it is told within one push’s time with its retries. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { simpleParser } from 'mailparser'
import { startBlackHole } from '../../sandbox/black-hole.ts'
import { generateEntries } from '../../sandbox/generated-entries.ts'
import { makeDirectory, startPipeline } from '../support/pipeline.ts'
import { assertNothingLeft, findMisplaced } from '../support/site-ends.ts'

const entries = generateEntries({ entries: 40, nodes: 3, credds: 0 })
const [good = '', ...away] = entries[0]?.nodes ?? []

/**
 * One push with its retries takes 3 × 3 s + 2 × 2 s. Tried for each entry, four at a time, a node would take 90 s: the run's
 * deadline is between the two, and what has not been told by then is unfinished.
 */
const settings = {
  timeouts: {
    ...{ globalTimeout: '60s', kerberosTimeout: '15s', vaultStorerTimeout: '20s' },
    ...{ pingTimeout: '3s', pushTimeout: '20s' },
  },
  workerType: { pushTokens: { numRetries: 2, retrySleep: '2s' } },
}

it('a run with two black holes ends in time with every failure told, and their people have mail', {
  timeout: 170_000,
}, async () => {
  await using directory = await makeDirectory()
  const dir = join(directory.path, 'site')
  {
    await using pipe = await startPipeline({ dir, entries, settings })
    await using holes = new AsyncDisposableStack()
    for (const node of pipe.site.nodes)
      if (away.includes(node.name)) {
        await pipe.site.stopNode(node.name)
        holes.use(await startBlackHole(node))
      }
    const { run } = await pipe.startRun()
    const { totals } = await pipe.finish(run)
    assert.deepEqual(totals, { done: 40, failed: 80, superseded: 0, unfinished: 0 })

    const failed = (await pipe.storedFacts(run)).filter(({ subject }) => subject.startsWith('token.failed.'))
    assert.deepEqual(
      failed.map(({ body }) => `${body.entry} ${body.target} ${body.code} ${body.permanent}`).sort(),
      entries
        .flatMap(({ experiment }) =>
          away.map((node) => `${experiment}_production ${node} node-unreachable false`),
        )
        .sort(),
    )
    const missing = await findMisplaced(pipe.site)
    assert.ok(
      missing.every((line) => !line.includes(good)),
      missing.join('\n'),
    )

    const mails = await readMails(dir)
    for (const { experiment } of entries)
      for (const node of away)
        assert.ok(
          mails.some(
            ({ to, text }) => to.includes(experiment) && text.includes(node.split('.')[0] as string),
          ),
          `${experiment} has a mail about ${node}`,
        )
  }
  await assertNothingLeft(dir)
})

async function readMails(dir: string): Promise<{ to: string; text: string }[]> {
  const files = readdirSync(join(dir, 'mail'))
  const mails = await Promise.all(files.map((file) => simpleParser(readFileSync(join(dir, 'mail', file)))))
  return mails.map(({ headers, text = '' }) => ({ to: String(headers.get('x-envelope-to')), text }))
}
