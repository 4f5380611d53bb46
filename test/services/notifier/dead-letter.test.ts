import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { announceDeadLetter } from '../../../services/notifier/dead-letter.ts'
import type { Received } from '../../../shared/consume.ts'
import type { DeadLetter, Notification } from '../../../shared/messages.ts'
import type { Fact } from '../../../shared/publish.ts'
import { at, siteOf } from '../build.ts'

describe('a dead letter', () => {
  const letter: DeadLetter = {
    ...{
      schema: '1.0',
      at: at(0),
      reason: 'not JSON\r\nBcc: x\u001b[31m',
      subject: 'token.ready.dune.production',
      sequence: 7,
      body: 'hvs.secret',
    },
  }
  const recipients =
    'notifications: { admin_email: [a@lab.example, b@lab.example], SLACK_ALERTS_URL: "https://hooks.lab.example/secret" }'
  const announce = (subject: string, extra = recipients) =>
    announceDeadLetter({ body: letter, subject } as Received<DeadLetter>, () => siteOf(extra))

  it('is announced once to each administrator, with the reason and where to look, never with its body', async () => {
    const messages = await announce('dead.tokens.notifier')
    const bodies = messages.map(({ body }) => body as Notification)
    assert.deepEqual(
      bodies.map(({ channel, to }) => `${channel} ${to}`),
      ['slack admin', 'email a@lab.example', 'email b@lab.example'],
    )
    for (const { text, subject, id } of bodies) {
      assert.match(text, /could not be handled: not JSON Bcc: x\n.*nats stream view DEAD/)
      assert.doesNotMatch(`${text}${subject}${id}`, /secret|[\p{Cc}--\n]/v)
    }
    assert.deepEqual(
      (await announce('dead.tokens.notifier')).map((one) => 'id' in one && one.id),
      bodies.map(({ id }) => id),
    )
  })
  it('is not announced where notifications are off', async () => {
    assert.deepEqual(await announce('dead.tokens.notifier', `disableNotifications: true\n${recipients}`), [])
  })
})

describe('a message that was given up', () => {
  const recipients =
    'notifications: { admin_email: [a@lab.example, b@lab.example], SLACK_ALERTS_URL: "https://hooks.lab.example/secret" }'
  const tell = async (
    subject: string,
    body = '{"id":"x","subject":"dune_production: \\"late\\"","text":"',
  ) => {
    const letter: DeadLetter = {
      ...{ schema: '1.0', at: at(0), sequence: 7, subject, body },
      reason: 'Slack answered with status 404.',
    }
    const received = { body: letter, subject: 'dead.notify.notifier-outbox' } as Received<DeadLetter>
    return (await announceDeadLetter(received, () => siteOf(recipients))) as Fact[]
  }
  const notificationOf = (fact: Fact | undefined) => {
    assert.ok(fact)
    return fact.body as Notification
  }
  const whom = (facts: readonly Fact[]) =>
    facts.map(({ body }) => `${(body as Notification).channel} ${(body as Notification).to}`)

  it('is announced to the administrators on every other way', async () => {
    assert.deepEqual(whom(await tell('notify.slack.admin')), ['email a@lab.example', 'email b@lab.example'])
    assert.deepEqual(whom(await tell('notify.email.a=40lab_example')), ['slack admin', 'email b@lab.example'])
    const [word] = await tell('notify.slack.admin')
    const { subject, text } = notificationOf(word)
    assert.equal(subject, 'managed-tokens: a message by Slack could not be delivered')
    assert.match(text, /^Not delivered: dune_production: "late"\n\nWhy: Slack answered with status 404\./)
  })
  it('is announced once a day and addressee', async () => {
    const ids = async (subject: string) => (await tell(subject)).map(({ id }) => id)
    assert.deepEqual(await ids('notify.slack.admin'), await ids('notify.slack.admin'))
    const other = new Set(await ids('notify.slack.experiment=3Adune'))
    assert.equal(other.intersection(new Set(await ids('notify.slack.admin'))).size, 0)
  })
  it('is not announced for ever: nobody is told of a word that cannot be delivered either', async () => {
    for (const word of await tell('notify.slack.admin')) assert.deepEqual(await tell(word.subject), [])
  })
  it('may be one that cannot be read', async () => {
    const [word] = await tell('notify.slack.admin', 'rubbish')
    assert.match(notificationOf(word).text, /^Not delivered: a message that cannot be read\n/)
  })
})
