/** What a program said does not become anything that a terminal obeys when a log is looked at, as JSON or pretty. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { prettyFactory } from 'pino-pretty'
import { createLog } from '../../../../shared/telemetry/logs/log.ts'
import { forPretty } from '../../../../shared/telemetry/logs/log-output.ts'

const pretty = prettyFactory({ colorize: false })
const assertNothingObeyed = (text: string) => assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Cs}]/u)
const pieces = ['\u001b[2J', '\u009b2J', '\r', '\n', '\u202e', '\u2066', '\u0000', '\ud800', 'x', '\\u001b']
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), { maxLength: 8 })
  .map((some) => some.join(''))

it('a line of the log holds nothing that a terminal obeys', () => {
  const lines: string[] = []
  const log = createLog('distributor', { write: (line) => void lines.push(line) })
  fc.assert(
    fc.property(hostile, (said) => {
      lines.length = 0
      log.warn({ reason: said, err: new Error(said), nested: { said } }, said)
      const [line = ''] = lines
      assertNothingObeyed(line.slice(0, -1))
      assert.equal(JSON.parse(line).reason, said)
      const shown = pretty(forPretty(line)) ?? ''
      assertNothingObeyed(shown.replaceAll('\n', ''))
      assert.match(shown.split('\n')[0] ?? '', /^\[.*\] WARN/, 'its own text is in its own line')
    }),
  )
})
