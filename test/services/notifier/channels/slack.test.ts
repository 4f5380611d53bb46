import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { slackPayload } from '../../../../services/notifier/channels/slack.ts'

const failures = (count: number, why = 'no route to host') =>
  Array.from(
    { length: count },
    (_, n) =>
      `exp${n}_production: token not on node${n} since 06:58 UTC (3 runs)\n  why:     ${why} [node-unreachable]`,
  )
const last = 'Run 01J. Details: managed-tokens status --run 01J'
const messageOf = (parts: readonly string[], more: { traceUrl?: string; more?: number } = {}) =>
  slackPayload({ subject: 'many failures', text: [...parts, last].join('\n\n'), ...more })
const textsOf = ({ blocks }: ReturnType<typeof slackPayload>) => blocks.map(({ text }) => text.text)

describe('a message on Slack', () => {
  it('has a header, a section for each failure, and where to read more', () => {
    assert.deepEqual(textsOf(messageOf(failures(2))), ['many failures', ...failures(2), last])
  })
  for (const count of [48, 49, 100, 1_000])
    it(`stays within Slack’s limits with ${count} failures: those that do not fit are counted`, () => {
      const payload = messageOf(failures(count))
      assert.ok(payload.blocks.length <= 50 && JSON.stringify(payload.blocks).length <= 13_000)
      const texts = textsOf(payload)
      const more = /^… and (\d+) more\.$/.exec(texts.at(-2) ?? '')?.[1]
      assert.equal(texts.length - 2 - (more ? 1 : 0) + Number(more ?? 0), count)
      assert.equal(texts.at(-1), last)
    })
  it('counts what never was in the text too', () => {
    assert.equal(textsOf(messageOf(failures(2), { more: 900 })).at(-2), '… and 900 more.')
    const texts = textsOf(messageOf(failures(100), { more: 900 }))
    assert.equal(texts.at(-2), `… and ${1_000 - (texts.length - 3)} more.`)
  })
  it('stays within them with long reasons', () => {
    const payload = messageOf(failures(1_000, 'x'.repeat(5_000)))
    assert.ok(JSON.stringify(payload.blocks).length <= 13_000)
    assert.match(textsOf(payload).join('\n'), /… and \d{3} more\./)
  })
  it('has all of it in its text too, for what shows no blocks, as Mattermost', () => {
    const { text } = messageOf(failures(2), { traceUrl: 'https://traces.lab.example/1?a&b' })
    const link = 'Trace: https://traces.lab.example/1?a&amp;b'
    assert.equal(text, ['many failures', ...failures(2), last, link].join('\n\n'))
  })
  it('says what its text begins with just once', () => {
    const [first = ''] = failures(1)
    const { text } = slackPayload({ subject: first.split('\n')[0] ?? '', text: `${first}\n\n${last}\n` })
    assert.equal(text, [first, last].join('\n\n'))
  })
  for (const [what, why] of [
    ['long', 'x'.repeat(5_000)],
    ['long and hostile', '<&@'.repeat(2_000)],
    ['short', 'no route'],
  ] as const)
    it(`has no more text than Mattermost takes with ${what} reasons: what does not fit is counted`, () => {
      const { text } = messageOf(failures(1_000, why), { more: 7 })
      assert.ok(text.length <= 16_383, `${text.length} characters`)
      const shown = text.match(/token not on/g)?.length ?? 0
      assert.equal(shown + Number(/… and (\d+) more\./.exec(text)?.[1]), 1_007)
      assert.ok(text.endsWith(last))
    })
  it('mentions nobody in its text, on Slack nor on Mattermost', () => {
    const hostile = '@channel @all <!here> <@U1> [click](https://evil.example)'
    const { text } = slackPayload({ subject: '@here', text: `${hostile}\n\n${hostile}` })
    assert.doesNotMatch(text, /@[a-z]|[<>]|\]\(/)
  })
  it('links to the trace, once, whether the text gives its address or not', () => {
    const traceUrl = 'https://traces.lab.example/?a=1&b=2'
    const link = '<https://traces.lab.example/?a=1&amp;b=2|Trace of this run>'
    assert.deepEqual(textsOf(messageOf(failures(1), { traceUrl })).slice(-2), [last, link])
    const text = [...failures(1), `${last}\nTrace: ${traceUrl}\n`].join('\n\n')
    assert.deepEqual(textsOf(slackPayload({ subject: 'one failure', text, traceUrl })).slice(-2), [
      last,
      link,
    ])
  })
})
