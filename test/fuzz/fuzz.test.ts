/** What once broke something breaks it no more, and a few hundred texts of each kind find nothing new: always the same ones. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fuzz, replay } from './run-target.ts'
import { targets } from './targets.ts'

const [seed, cases, longest] = [20, 100, 8_000]

for (const target of targets)
  describe(`${target.name}, whatever is written there`, () => {
    it('keeps its promises over the corpus', async () => {
      assert.ok((await replay(target)) > 0, 'there is no corpus')
    })
    it('keeps them over texts that nobody has thought of', async () => {
      assert.ok((await fuzz(target, { seed, longest, cases: target.cases ?? cases })) > 0)
    })
  })
