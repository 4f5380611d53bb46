/** Texts on their way to people: into mails, logs, terminals. */
import assert from 'node:assert/strict'
import { withoutMentions } from '../../../services/notifier/channels/without-mentions.ts'
import { cleanLine, cleanTexts, controlsShownBut, lastLine } from '../../../shared/contracts/one-sentence.ts'
import { readRetryAfter } from '../../../shared/https/retry-after.ts'
import { assertForPeople } from '../promises.ts'
import { mostOfBus, pureTarget } from '../target.ts'

const shown = controlsShownBut(/\n/)

/** A clean line stays one when it is cleaned again, and so does everything that is made of it. */
export const sentences = pureTarget(
  {
    name: 'sentences',
    words: [
      'Error: ',
      '\u001b[31m',
      '\u001b]0;',
      '@everyone',
      '](http://x)',
      'hvs',
      '.',
      'eyJ',
      'X-Vault-Token: ',
    ],
    longest: mostOfBus,
  },
  (text) => {
    for (const line of [cleanLine(text), lastLine(text), cleanTexts({ a: [text] }).a[0] ?? '']) {
      if (line !== '') assertForPeople(line)
      assert.equal(cleanLine(line, 1_000), line)
    }
    assert.doesNotMatch(shown(text).replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Cs}]/u)
    assert.doesNotMatch(withoutMentions(text), /[@<][^\u200b]|\]\(/)
    const waitMs = readRetryAfter(text)
    assert.ok(waitMs === undefined || (waitMs > 0 && waitMs <= 3_600_000))
  },
)
