/** docs/reasons.md says of every reason code what it means, whose turn it is and what to do, in the words that people are sent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Reason, reasons } from '../../shared/contracts/reasons.ts'
import { readSections } from './shown-by.ts'

const page = new Map(
  readSections('docs/reasons.md').map(({ title, text }) => [title.replaceAll('`', ''), text.join('\n')]),
)

test('every reason code is documented with its meaning, whose turn it is and the advice people get', () => {
  for (const [code, reason] of Object.entries<Reason>(reasons)) {
    const said = page.get(code) ?? ''
    const expected = [
      `Means: ${reason.means}.`,
      `- Turn: **${reason.turn}**${reason.permanent ? ', final' : ''};`,
      `- To do: ${reason.action.replace('{service}', 'SERVICE')}`,
    ]
    for (const words of expected) assert.ok(said.includes(words), `docs/reasons.md on ${code}: ${words}`)
  }
})

test('no reason code is documented that does not exist', () => {
  assert.deepEqual(
    [...page.keys()].filter((code) => !(code in reasons)),
    [],
  )
})
