import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import { sendMail } from '../../../../services/notifier/channels/email.ts'
import { slackPayload } from '../../../../services/notifier/channels/slack.ts'
import { affectedOf } from '../../../../services/notifier/failures/affected.ts'
import type { NewsKind, Notification } from '../../../../shared/contracts/messages.ts'
import { at, siteOf } from '../../build.ts'
import { digestsOf, piece } from '../pieces.ts'

const hostile: Record<string, string> = {
  'quotes and backslashes': `He said "no" \\ 'never' \\n \\u0000 \``,
  'line breaks and a header': 'x\r\nBcc: everybody@lab.example\r\n\r\nbody\n.\nQUIT',
  'mentions and links':
    '<!channel> <@U123> <https://evil.example|ok> &lt;!here&gt; @everyone @here @somebody #general',
  'markup of Slack': '*bold* _italic_ ~gone~ `code` ```block``` > quoted',
  markup: `<script>alert(1)</script><img src=x onerror='y'> </td></table>`,
  'ANSI escapes and control characters': '\u001b[31mred\u001b[0m \u0007 \u0000 \u009b2J \u2028',
  'a megabyte': 'x'.repeat(1024 * 1024),
  'a megabyte of characters that grow when escaped': '<&>'.repeat(350_000),
  'half a character': `${'😀'.repeat(3_000)}\ud83d`,
  nothing: '',
}
/** The messages of `count` pieces of news with this text in every place that is not a configured name. */
const messagesOf = (text: string, count = 1, kind: NewsKind = 'failure'): Notification[] =>
  digestsOf(
    Array.from({ length: count }, (_, i) =>
      piece('dune_production', 'node', `node${i + 1}`, {
        ...{ kind, message: text, action: text, code: 'push-failed', expiry: at(60), ends: ['failure'] },
      }),
    ),
    siteOf(
      `notifications:
  admin_email: [admin@lab.example]
  SLACK_ALERTS_URL: "https://hooks.lab.example/a"
  webhook: "https://hooks.lab.example/w"
  stakeholders: [authentication, expiring, recovered]`,
    ),
  )
const kinds: readonly NewsKind[] = ['failure', 'authentication', 'expiring', 'recovered']

interface Payload {
  text: string
  blocks: { type: string; text: { type: string; text: string; verbatim?: boolean } }[]
}
const payloadOf = (message: Pick<Notification, 'subject' | 'text' | 'traceUrl'>) =>
  JSON.parse(JSON.stringify(slackPayload(message))) as Payload

const traceUrl = 'https://traces.lab.example/00ff?a&b'
const traceLink = '<https://traces.lab.example/00ff?a&amp;b|Trace of this run>'

/** Everything Slack refuses or would read as its own. */
function assertFit({ text, blocks, ...rest }: Payload): void {
  // `parse` and `link_names` would make mentions of the names in `text`.
  assert.deepEqual(rest, {})
  assert.ok(text.length <= 4_000 * 5)
  assert.doesNotMatch(text, /[<>]|&(?!(amp|lt|gt);)/)
  assert.ok(blocks.length <= 50, `${blocks.length} blocks`)
  assert.equal(blocks[0]?.type, 'header')
  assert.ok((blocks[0]?.text.text.length ?? 0) <= 150)
  for (const block of blocks) {
    assert.ok(
      block.text.text.length > 0 && block.text.text.length <= 3_000,
      `${block.text.text.length} characters`,
    )
    assert.ok(block.text.text.isWellFormed())
    if (block.text.type !== 'plain_text')
      assert.deepEqual(block.text, { type: 'mrkdwn', text: traceLink, verbatim: true })
  }
}

describe('what programs print, on its way to people', () => {
  /** Keeps what it is sent, raw. */
  const sink = async () => {
    const raw: string[] = []
    const to: string[][] = []
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS', 'AUTH'],
      onData(stream, session, done) {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('end', () => {
          raw.push(Buffer.concat(chunks).toString('latin1'))
          to.push(session.envelope.rcptTo.map(({ address }) => address))
          done()
        })
      },
    })
    // A client that goes away is no reason to fall over.
    server.on('error', () => undefined)
    server.listen(0, '127.0.0.1')
    await once(server.server, 'listening')
    const { port } = server.server.address() as { port: number }
    const close = () => new Promise<void>((resolve) => void server.close(() => resolve()))
    return { raw, to, port, [Symbol.asyncDispose]: close }
  }

  for (const [what, text] of Object.entries(hostile))
    it(`is a valid mail and a valid Slack message with ${what}`, async () => {
      await using smtp = await sink()
      const messages = kinds.flatMap((kind) => messagesOf(text, 1, kind))
      for (const message of messages) {
        if (message.channel === 'slack') assertFit(payloadOf(message))
        for (const row of message.rows ?? [])
          for (const value of [row.headline, row.message, row.action])
            assert.ok(value.length <= 200 && !/\p{Cc}/u.test(value) && value.isWellFormed())
        if (message.channel !== 'email') continue
        await sendMail(message, { from: 'tokens@lab.example', smtpHost: '127.0.0.1', smtpPort: smtp.port })
      }
      assert.deepEqual(
        smtp.to,
        kinds.flatMap(() => [['admin@lab.example'], ['dune@lab.example']]),
      )
      for (const raw of smtp.raw) {
        assert.ok(raw.length < 16_000, `${raw.length} bytes`)
        const mail = await simpleParser(raw)
        const threaded = ['in-reply-to', 'references', 'list-id']
        assert.deepEqual([...mail.headers.keys()].filter((name) => !threaded.includes(name)).sort(), [
          ...[
            'auto-submitted',
            'content-type',
            'date',
            'from',
            'message-id',
            'mime-version',
            'subject',
            'to',
          ],
        ])
        assert.equal(mail.attachments.length, 0)
        assert.match(mail.subject ?? '', /^dune_production: token[A-Za-z0-9 :,()-]+$/)
        assert.ok((mail.subject ?? '').length <= 100)
        const html = mail.html || ''
        assert.deepEqual(html.match(/<(?!\/?(table|tr|th|td|p)\b)/g), null)
        assert.equal(html.match(/<tr>/g)?.length, 2)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what may not be there
        assert.doesNotMatch(`${mail.text}${html}`, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
      }
    })

  for (const [what, text] of Object.entries(hostile))
    it(`is a clean message where a cause is named by ${what}`, () => {
      const things = ['node1', 'node2'].map((name) => ({
        ...({ entry: 'dune_production', service: 'dune_production', where: 'node', name } as const),
      }))
      const cause = { kind: 'vault', name: text }
      const one = piece(undefined, undefined, '', { cause, affected: affectedOf(things, []), message: text })
      for (const message of digestsOf([one])) {
        assert.ok(!/\p{Cc}/u.test(message.subject) && message.subject.length <= 200)
        assert.deepEqual((message.html ?? '').match(/<(?!\/?(table|tr|th|td|p|br)\b)/g), null)
        if (message.channel === 'slack') assertFit(payloadOf(message))
      }
    })

  it('cannot get into a mail’s headers by the subject, nor make a recipient', async () => {
    await using smtp = await sink()
    const [message] = messagesOf('x').filter(({ channel }) => channel === 'email') as [Notification]
    const subject = 'a\r\nBcc: everybody@lab.example\r\n\r\nbody 😀'
    await sendMail(
      { ...message, subject },
      { from: 'tokens@lab.example', smtpHost: '127.0.0.1', smtpPort: smtp.port },
    )
    const mail = await simpleParser(smtp.raw[0] ?? '')
    assert.equal(mail.bcc, undefined)
    assert.deepEqual(smtp.to, [['admin@lab.example']])
    assert.match(mail.subject ?? '', /^a\s+Bcc: everybody/)
  })
})

describe('a Slack message', () => {
  it('holds fifty blocks at most, counts the rest, and says where to read it all', () => {
    const [message] = messagesOf('It broke.', 1_000) as [Notification]
    const payload = payloadOf(message)
    assertFit(payload)
    assert.equal(payload.blocks.length, 50)
    const told = payload.blocks
      .slice(1)
      .filter(({ text }) => text.text.startsWith('dune_production: token')).length
    assert.equal(payload.blocks.at(-2)?.text.text, `… and ${1_000 - told} more.`)
    assert.match(payload.blocks.at(-1)?.text.text ?? '', /^Run .* Details: managed-tokens status --run /)
  })
  for (const count of [1, 46, 47, 48, 49, 50])
    it(`loses none of ${count} failures without counting it`, () => {
      const [message] = messagesOf('It broke.', count) as [Notification]
      const { blocks } = payloadOf(message)
      const texts = blocks.slice(1).map(({ text }) => text.text)
      const told = texts.filter((text) => text.includes('token not on')).length
      const rest = Number(/… and (\d+) more/.exec(texts.join('\n'))?.[1] ?? 0)
      assert.equal(told + rest, count)
      assert.ok(blocks.length <= 50)
    })
  for (const [what, text] of Object.entries(hostile))
    it(`is within Slack’s limits with ${what} in every place, uncleaned`, () => {
      const payload = payloadOf({ subject: text || 'x', text: `${text}\n\n${text}\n\nend`, traceUrl })
      assertFit(payload)
      assert.deepEqual(
        payload.blocks.slice(-2).map((block) => block.text.text),
        ['end', traceLink],
      )
    })
  it('shows what a program printed as it is', () => {
    const printed = 'a&b <!channel> @everyone #general *bold* _it_ `code` &lt;'
    const shown = payloadOf({ subject: 's', text: `${printed}\n\nend` }).blocks.map(({ text }) => text.text)
    assert.deepEqual(shown, ['s', printed, 'end'])
  })
})
