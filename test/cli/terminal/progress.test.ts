/** How a run goes, told to a terminal and to a file. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { RunNews } from '../../../cli/runs/follow-run.ts'
import { showProgress } from '../../../cli/terminal/progress.ts'

const startedAt = Date.parse('2026-03-01T12:00:00.000Z')

function news(kind: RunNews['kind'], seconds: number, facts: object): RunNews {
  const at = new Date(startedAt + seconds * 1_000).toISOString()
  return { kind, body: { entry: 'dune_production', at, ...facts } } as unknown as RunNews
}

const aRun: readonly RunNews[] = [
  news('ready', 1.04, { reused: false }),
  news('ready', 1.1, { entry: 'nova_analysis', reused: true }),
  news('pushed', 2, { node: 'node1.test' }),
  news('pushed', 2.5, { node: 'node2.test', warning: '/tmp/role could not be written' }),
  news('failed', 12.34, {
    message: 'No vault token in credd1.test: it did not answer.',
    code: 'credd-unreachable',
  }),
  news('stored', 13, { credd: 'credd2.test' }),
  news('finished', 13, {}),
]

function tell(output: { isTTY?: boolean; columns?: number }): string[] {
  const written: string[] = []
  const progress = showProgress({ ...output, write: (text: string) => written.push(text) }, startedAt)
  for (const one of aRun) progress.news(one)
  progress.done()
  return written
}

describe('progress', () => {
  it('is a plain line for each piece of news where it is piped', () => {
    assert.equal(
      tell({}).join(''),
      `  1.0 s  dune_production: token ready
  1.1 s  nova_analysis: token ready (the last one is still good)
  2.0 s  dune_production: pushed to node1.test
  2.5 s  dune_production: pushed to node2.test (/tmp/role could not be written)
 12.3 s  dune_production: No vault token in credd1.test: it did not answer. [credd-unreachable]
 13.0 s  dune_production: stored in credd2.test
`,
    )
  })

  it('is one line on a terminal, rewritten and at the end cleared; failures stay above it', () => {
    const written = tell({ isTTY: true, columns: 100 })
    const stays = written.filter((text) => text.includes('\n'))
    assert.equal(stays.length, 1)
    assert.match(stays[0] ?? '', /No vault token in credd1\.test: it did not answer\. \[credd-unreachable\]/)
    for (const text of written) assert.ok(text.startsWith('\r\u001b[K'), JSON.stringify(text))
    assert.match(written.at(-2) ?? '', /2 ready, 1 stored, 2 pushed, 1 failed/)
    assert.equal(written.at(-1), '\r\u001b[K')
  })

  it('never fills the line of a narrow terminal', () => {
    for (const text of tell({ isTTY: true, columns: 50 }).filter((one) => !one.includes('\n')))
      assert.ok(stripVTControlCharacters(text.replaceAll('\r', '')).length < 50, JSON.stringify(text))
  })
})
