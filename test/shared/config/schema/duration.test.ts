import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  duration,
  formatDuration,
  parseDuration,
  positiveDuration,
  tokenLifetime,
} from '../../../../shared/config/schema/duration.ts'

const good: Record<string, number> = {
  '0': 0,
  '0s': 0,
  '300s': 300_000,
  '1h30m': 5_400_000,
  '3d': 259_200_000,
  '1.5s': 1_500,
  '250ms': 250,
  '.5m': 30_000,
  '1m1m': 120_000,
  '5us': 0,
}
for (const [text, ms] of Object.entries(good)) {
  test(`${text} is ${ms} ms`, () => assert.equal(duration.parse(text), ms))
}

for (const text of ['', '5', 's', '-3s', '3 s', '3w', '1h-30m', '3S', '400d', '1e3s', 'NaNs', '3s;']) {
  test(`${JSON.stringify(text)} is no duration, and the refusal says what one looks like`, () => {
    assert.equal(parseDuration(text), undefined)
    assert.match(
      duration.safeParse(text).error?.issues[0]?.message ?? '',
      /expected|is not a duration such as 300s/,
    )
  })
}

test('a limit of nothing is refused', () => {
  assert.equal(positiveDuration.safeParse('0s').success, false)
  assert.equal(positiveDuration.parse('1s'), 1_000)
})

test('what is formatted reads back as the same time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 366 * 86_400_000 }), (ms) =>
      assert.equal(parseDuration(formatDuration(ms)), ms),
    ),
  )
})

test('minTokenLifetime is one number and one unit, below 7d', () => {
  for (const text of ['10s', '3d', '0s', '167h', '604799s']) assert.equal(tokenLifetime.parse(text), text)
  for (const text of ['7d', '168h', '1h30m', '3', '1.5d', '3w', '500ms', ''])
    assert.equal(tokenLifetime.safeParse(text).success, false, text)
})
