import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { composeDigests } from '../../../../services/notifier/digest/digest.ts'
import { loadTemplates } from '../../../../services/notifier/digest/templates.ts'
import { keepDeadLetter, schemaOfDead } from '../../../../services/notifier/news/dead-letter.ts'
import type { News } from '../../../../services/notifier/news/news.ts'
import { newsIn } from '../../../../services/notifier/news/news-store.ts'
import type { DeadLetter, LossLetter } from '../../../../shared/contracts/messages.ts'
import type { Received } from '../../../../shared/work/consume/handle-message.ts'
import { at, runIds, siteOf } from '../../build.ts'
import { fakeKv } from '../../fake-kv.ts'
import { piece } from '../pieces.ts'

const recipients =
  'notifications: { admin_email: [a@lab.example, b@lab.example], SLACK_ALERTS_URL: "https://hooks.lab.example/secret" }'

/** What is kept of these letters. */
async function newsOf(subject: string, letters: readonly (DeadLetter | LossLetter)[]): Promise<News[]> {
  const { kv } = fakeKv()
  const news = newsIn(kv)
  const ledger = { latestRun: async () => runIds[0] }
  for (const body of letters) {
    schemaOfDead(subject).parse(body)
    await keepDeadLetter({ body, subject } as Received<DeadLetter | LossLetter>, { ledger, news })
  }
  const kept: News[][] = []
  for await (const key of await kv.keys()) kept.push((await kv.get(key))?.json() as News[])
  return kept.flat()
}

const digestsOf = (news: readonly News[], extra = recipients) =>
  composeDigests({ id: 'batch', at: at(1), news }, siteOf(extra), loadTemplates(undefined).templates)
const whom = (digests: ReturnType<typeof digestsOf>) =>
  digests.map(({ body }) => `${body.channel} ${body.to}`)
const everybody = ['slack admin', 'email a@lab.example', 'email b@lab.example']

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
  const announce = async (letters: readonly DeadLetter[], extra = recipients) =>
    digestsOf(await newsOf('dead.tokens.notifier', letters), extra)

  it('is announced once to each administrator, with the reason and where to look, never with its body', async () => {
    const digests = await announce([letter, letter])
    assert.deepEqual(whom(digests), everybody)
    for (const { body } of digests) {
      const { text, subject, id, html = '' } = body
      assert.equal(subject, 'managed-tokens: message 7 on token.ready.dune.production could not be handled')
      assert.match(
        text,
        /^managed-tokens: message 7 on .* could not be handled\n +why: +not JSON Bcc: x\n +to do: .*nats stream get DEAD --last-for dead\.tokens\.notifier --js-api-prefix managed-tokens-js\n/,
      )
      if (html) assert.match(html, /message 7 on .* could not be handled: not JSON Bcc: x</)
      assert.doesNotMatch(`${text}${subject}${id}${html}`, /secret|[\p{Cc}--\n]/v)
    }
  })
  it('comes in one message with the others of a burst', async () => {
    const letters = Array.from({ length: 40 }, (_, sequence) => ({ ...letter, sequence }))
    const digests = await announce(letters)
    assert.deepEqual(whom(digests), everybody)
    for (const { body } of digests) {
      assert.equal(body.subject, 'managed-tokens: 40 notices')
      for (const { sequence } of letters) assert.ok(body.text.includes(`: message ${sequence} on `))
    }
  })
  it('is not announced where notifications are off', async () => {
    assert.deepEqual(await announce([letter], `disableNotifications: true\n${recipients}`), [])
  })
})

describe('a bucket that was removed', () => {
  const loss: LossLetter = {
    ...{ schema: '1.0', at: at(0), what: 'bucket targets', meaning: 'the next run fills it' },
    madeAgain: '2026-01-01T00:00:00.123456789Z',
  }
  const tell = (...letters: LossLetter[]) => newsOf('dead.lost.refresher', letters)

  it('is announced to each administrator by name, with what it means', async () => {
    const digests = digestsOf(await tell(loss))
    assert.deepEqual(whom(digests), everybody)
    for (const { body } of digests) {
      assert.equal(body.subject, 'managed-tokens: bucket targets was gone from the bus and is made again')
      assert.match(body.text, /\n +why: +the next run fills it\n +to do: +Find out who or what removed it/)
    }
  })
  it('is announced once for each time it is removed', async () => {
    const news = await tell(loss, loss, { ...loss, madeAgain: '2026-01-02T00:00:00.123456789Z' })
    assert.equal(news.length, 2)
  })
})

describe('a message that was given up', () => {
  const letterOf = (
    subject: string,
    body = '{"channel":"slack","to":"admin","id":"x","subject":"dune_production: \\"late\\"","text":"',
  ): DeadLetter => ({
    ...{ schema: '1.0', at: at(0), sequence: 7, subject, body },
    reason: 'Slack answered with status 404.',
  })
  const newsOfGivenUp = (...letters: DeadLetter[]) => newsOf('dead.notify.notifier-outbox', letters)
  const tell = async (subject: string, body?: string) =>
    digestsOf(await newsOfGivenUp(letterOf(subject, body)))

  it('is announced to the administrators on every other channel', async () => {
    assert.deepEqual(whom(await tell('notify.slack.admin')), everybody.slice(1))
    assert.deepEqual(whom(await tell('notify.email.a=40lab_example')), ['slack admin', 'email b@lab.example'])
    const [word] = await tell('notify.slack.admin')
    assert.match(
      word?.body.text ?? '',
      /^managed-tokens: a message by Slack to admin could not be delivered: dune_production: "late"\n +why: +Slack answered with status 404\. \[notification-failed\]\n/,
    )
  })
  it('says to whom it was to go, never by a URL', async () => {
    const titleOf = async (to: string) => {
      const body = JSON.stringify({ to, id: 'x', subject: 'the "to":"nobody" there', text: 'x' })
      const [word] = await tell('notify.slack.admin', body)
      return word?.body.subject.replace(/^managed-tokens: a message by Slack| could not.*/g, '')
    }
    assert.equal(await titleOf('people@lab.example'), ' to people@lab.example')
    assert.equal(await titleOf('experiment:dune'), ' to experiment:dune')
    assert.equal(await titleOf('https://hooks.lab.example/a'), '')
  })
  it('says all of what to do, with the command at its end', async () => {
    const command =
      'nats stream get DEAD --last-for dead.notify.notifier-outbox --js-api-prefix managed-tokens-js'
    for (const { body } of await tell('notify.slack.admin')) {
      assert.ok(body.rows?.every(({ action }) => action.endsWith(command)))
      assert.match(body.text, new RegExp(` to do: .*${command}$`, 'm'))
    }
  })
  it('names no run, which has nothing to do with it, but that of what is told beside it', async () => {
    const word = await newsOfGivenUp(letterOf('notify.slack.admin'))
    for (const { body } of digestsOf(word))
      assert.doesNotMatch(`${body.text}${body.html}`, /\bRun|status --run/)
    const failure = piece('dune_production', 'refresh', 'dune_production', { run: runIds[1] })
    for (const { body } of digestsOf([...word.map((one) => ({ ...one, run: runIds[2] })), failure])) {
      if (body.to === 'dune@lab.example') continue
      assert.ok(body.text.endsWith(`\nRun ${runIds[1]}. Details: managed-tokens status --run ${runIds[1]}\n`))
    }
  })
  it('is announced once a day and addressee', async () => {
    const news = await newsOfGivenUp(
      letterOf('notify.slack.admin'),
      letterOf('notify.slack.admin', '{"subject":"another"}'),
      letterOf('notify.slack.experiment=3Adune'),
    )
    assert.deepEqual(
      news.map(({ notBy }) => notBy),
      ['notify.slack.admin', 'notify.slack.experiment=3Adune'],
    )
  })
  it('comes in one message with the others that were given up, where its channel is not its own', async () => {
    const addressees = Array.from({ length: 40 }, (_, i) => `notify.email.people${i}=40lab_example`)
    const digests = digestsOf(
      await newsOfGivenUp(...['notify.slack.admin', ...addressees].map((one) => letterOf(one))),
    )
    assert.deepEqual(
      digests.map(({ body }) => body.subject),
      ['managed-tokens: 40 notices', 'managed-tokens: 41 notices', 'managed-tokens: 41 notices'],
    )
  })
  it('is not announced for ever: nobody is told of a word that cannot be delivered either', async () => {
    for (const { subject } of await tell('notify.slack.admin')) assert.deepEqual(await tell(subject), [])
  })
  it('is announced when it held more than such words', async () => {
    const words = await newsOfGivenUp(letterOf('notify.slack.admin'))
    const digests = digestsOf([...words, piece('dune_production', 'refresh', 'dune_production')])
    assert.equal(digests.length, everybody.length)
    for (const { subject } of digests) assert.equal((await tell(subject)).length, everybody.length - 1)
  })
  it('may be one that cannot be read', async () => {
    const [word] = await tell('notify.slack.admin', 'rubbish')
    assert.match(word?.body.text ?? '', /could not be delivered: one that cannot be read\n/)
  })
})
