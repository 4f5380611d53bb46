import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { cleanLine, cleanTexts, lastLine } from '../../../shared/contracts/one-sentence.ts'

const esc = '\u001b'

describe('a line for people', () => {
  for (const [says, text, expected] of [
    ['stays as it is when it is harmless', 'Vault: Bad Gateway (502)', 'Vault: Bad Gateway (502)'],
    ['loses vault tokens', 'got hvs.CAESI-abc_def ok', 'got [secret] ok'],
    ['loses tokens that stick to a word', 'tokenhvs.CAESI', 'token[secret]'],
    ['loses batch tokens', 'hvb.AAAA', '[secret]'],
    ['loses old vault tokens', 'token s.aBcDeFgHiJkLmNoPqRsTuVwX', 'token [secret]'],
    [
      'keeps words that only look a little like one',
      'tokens.example.org says. Hello',
      'tokens.example.org says. Hello',
    ],
    ['loses bearer tokens', 'Bearer eyJhbGciOi.eyJzdWIi.c2ln-_x', 'Bearer [secret]'],
    ['loses token headers', 'X-Vault-Token: abcdef', '[secret]'],
    ['loses webhooks', 'POST https://hooks.slack.com/services/T0/B0/xyz', 'POST https://[secret]'],
    ['loses colours', `${esc}[1;31mfailed${esc}[0m`, 'failed'],
    ['loses colours inside a token', `hvs.AB${esc}[1mCD`, '[secret]'],
    ['loses a token that a colour runs into', `${esc}[1 hvs.ABCD`, '[1 [secret]'],
    ['loses titles of windows', `${esc}]0;owned\u0007failed`, 'failed'],
    ['is one line', 'one\r\ntwo\nthree\u2028four\u0085five', 'one two three four five'],
    ['has no control characters', 'a\u0000b\u0007c\u007fd\u009b', 'abcd'],
    ['reads in one direction', 'a\u202eb\u2066c\u200fd', 'abcd'],
    ['finds a token that a control character cuts in two', 'hvs.AB\u0000CD', '[secret]'],
  ] as const)
    it(says, () => assert.equal(cleanLine(text), expected))

  it('has at most two hundred characters, and says that something is missing', () => {
    const line = cleanLine('x'.repeat(1024 * 1024))
    assert.equal(line.length, 200)
    assert.ok(line.endsWith('…'))
  })

  it('is made of a megabyte in no time, whatever is in it', () => {
    for (const piece of ['a', ' ', '\n', `${esc}[`, 's.', 'eyJ', 'hvs.', 'eyJa.', 'X-Vault-Token:']) {
      const started = performance.now()
      cleanLine(piece.repeat((1024 * 1024) / piece.length))
      assert.ok(performance.now() - started < 1_000, JSON.stringify(piece))
    }
  })

  it('never shows a token, wherever it stands', () => {
    const around = fc.string({ unit: 'binary', maxLength: 30 })
    fc.assert(
      fc.property(around, around, (before, after) => {
        assert.doesNotMatch(cleanLine(`${before} hvs.Planted1234 ${after}`), /Planted/)
      }),
    )
  })

  it('never ends in half a character', () => {
    assert.ok(cleanLine('😀'.repeat(300)).isWellFormed())
  })
})

describe('the texts of a message', () => {
  it('are clean lines, keys too, whatever else it holds', () =>
    assert.deepEqual(cleanTexts({ [`a${esc}[2J`]: ['b\nc', { d: 'x'.repeat(5_000) }], e: 1, f: null }), {
      a: ['b c', { d: `${'x'.repeat(999)}…` }],
      e: 1,
      f: null,
    }))
})

describe('the last line of an output', () => {
  for (const [says, text, expected] of [
    ['is the last that says something', 'first\nthe reason\n\n  \n', 'the reason'],
    ['is found behind carriage returns', 'progress 1%\rprogress 2%\r\nthe reason\r\n', 'the reason'],
    ['is empty where nothing was said', '\n \n', ''],
  ] as const)
    it(says, () => assert.equal(lastLine(text), expected))
})
