/** `managed-tokens notify test` against a mail server and webhooks that take, refuse, or are not there. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { testMessages } from '../../cli/notify-messages.ts'
import { siteOf } from '../services/build.ts'
import { type HttpServerOfTest, startHttpServer } from '../services/notifier/channels/http-server.ts'
import { startMailServer } from '../services/notifier/channels/mail-server.ts'
import { siteText } from '../shared/config/site-text.ts'
import { type } from '../support/terminal.ts'

const directory = mkdtempSync(join(tmpdir(), 'mt-notify-'))
after(() => rmSync(directory, { recursive: true }))

const file = join(directory, 'managedTokens.yml')
const notifyTest = (text: string, ...words: string[]) => {
  writeFileSync(file, text)
  return type(['notify', 'test', '-c', file, ...words])
}
const mail = (port: number) => `email: {from: tokens@lab.example, smtpHost: 127.0.0.1, smtpPort: ${port}}`
const bodyOf = ({ posts }: HttpServerOfTest) => String(posts[0]?.body)

describe('managed-tokens notify test', () => {
  it('sends to every administrator, and says of each what happened and what to do', async () => {
    await using smtp = await startMailServer({ to: [undefined, 550] })
    await using slack = await startHttpServer()
    await using gone = await startHttpServer({ status: 404 })
    await using webhook = await startHttpServer()
    const { exit, stdout, stderr } = await notifyTest(
      siteText(`${mail(smtp.port)}
notifications: {admin_email: [a@lab.example, b@lab.example], SLACK_ALERTS_URL: "${slack.url}", webhook: "${webhook.url}"}
notifications_test: {SLACK_ALERTS_URL: "${gone.url}"}`),
    )
    assert.deepEqual([exit, stderr], [1, ''])
    // Which of the two mails comes first to the server, and so is taken, is open.
    const lines = stdout.replaceAll(/[ab]@/g, 'one@').trim().split('\n').sort()
    assert.equal(lines.length, 5)
    assert.match(String(lines[0]), /^mail +one@lab\.example +delivered$/)
    assert.match(
      String(lines[1]),
      /^mail +one@lab\.example +refused: 127\.0\.0\.1:\d+ did not take the mail: 550 .*Check notifications\.admin_email and email\.from\.$/,
    )
    assert.match(String(lines[2]), /^slack +notifications\.SLACK_ALERTS_URL +delivered$/)
    assert.match(
      String(lines[3]),
      /^slack +notifications_test\.SLACK_ALERTS_URL +refused: Slack answered with status 404\. Make a new webhook there and put its URL into notifications_test\.SLACK_ALERTS_URL\.$/,
    )
    assert.match(String(lines[4]), /^webhook +notifications\.webhook +delivered$/)
    assert.doesNotMatch(stdout, /secret/)
    for (const told of [smtp.mails[0] ?? '', bodyOf(slack), bodyOf(webhook)])
      assert.match(told, /\[test\] managed-tokens can reach you/)
  })

  it('sends to an experiment’s addresses and Slack, as JSON when asked', async () => {
    await using slack = await startHttpServer()
    // Nobody listens on port 1, and nobody is given it meanwhile.
    const text = siteText(mail(1)).replace('  dune:', `  dune:\n    slack: "${slack.url}"`)
    const { exit, stdout } = await notifyTest(text, '-e', 'DUNE', '--json')
    assert.equal(exit, 1)
    const { results } = JSON.parse(stdout) as { results: { why?: string; action?: string }[] }
    const [first, second] = results
    assert.deepEqual(second, { channel: 'slack', to: 'experiments.dune.slack', end: 'delivered' })
    const { why, ...rest } = first ?? {}
    assert.deepEqual(rest, {
      ...{ channel: 'mail', to: 'dune@lab.example', end: 'later', action: 'Check the section email.' },
    })
    assert.match(String(why), /ECONNREFUSED/)
  })

  it('is wrong use where nobody is configured', async () => {
    const { exit, stderr } = await notifyTest(siteText())
    assert.equal(exit, 2)
    assert.match(stderr, /^managed-tokens: Nobody is configured in .*: set notifications\.admin_email/)
  })

  it('is wrong use for an experiment that is not there, and the nearest one is named', () => {
    const now = new Date().toISOString()
    assert.throws(() => testMessages(siteOf(), { experiment: 'dume', now }), {
      message: 'no experiment "dume" in managedTokens.yml; did you mean dune?',
    })
  })

  it('never puts the address of a webhook into a message', () => {
    const hooks =
      'notifications: {SLACK_ALERTS_URL: "https://a.example/secret", webhook: "https://b.example/secret"}'
    const messages = testMessages(siteOf(hooks), { experiment: undefined, now: new Date().toISOString() })
    assert.equal(messages.length, 2)
    assert.doesNotMatch(JSON.stringify(messages), /secret/)
  })
})
