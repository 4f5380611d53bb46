import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KV } from '@nats-io/kv'
import pino from 'pino'
import {
  deliver,
  type OutboxDeps,
  schemaOfNotification,
} from '../../../../services/notifier/outbox/deliver.ts'
import { createRateLimiter } from '../../../../services/notifier/outbox/rate-limiter.ts'
import type { Site } from '../../../../shared/config/site.ts'
import { Permanent, RetryLater } from '../../../../shared/contracts/errors.ts'
import type { Notification } from '../../../../shared/contracts/messages.ts'
import { notifySubject } from '../../../../shared/contracts/subjects.ts'
import type { Received } from '../../../../shared/work/consume/handle-message.ts'
import { at, ofRun, runIds, siteOf } from '../../build.ts'
import { type FakeKv, fakeKv } from '../../fake-kv.ts'
import { type HttpAnswer, startHttpServer } from '../channels/http-server.ts'
import { startMailServer } from '../channels/mail-server.ts'

const mail: Notification = {
  ...{ ...ofRun(), channel: 'email', to: 'dune@lab.example', id: 'run.email.dune@lab.example' },
  ...{ subject: 'a subject', text: 'a text' },
}
const post: Notification = { ...mail, channel: 'slack', to: 'admin', id: 'run.slack.admin' }

const received = (body: Notification, deliveries = 1) => {
  const log = pino({ level: 'silent' })
  const signal = new AbortController().signal
  return { body, deliveries, subject: 'notify.x', log, signal } as unknown as Received<Notification>
}
const minutes = 60_000
const start = Date.parse(at(0))

/** An outbox whose clock stands still until a test moves it. */
function outboxOf(site: Site, kv: FakeKv = fakeKv()) {
  const clock = { now: start }
  const now = () => clock.now
  const deps: OutboxDeps = {
    site: () => site,
    runs: kv.kv,
    limiter: createRateLimiter(now),
    unrecorded: new Set(),
    now,
    patience: { untilAgreedMs: 60_000, forDataMs: 60_000 },
  }
  return { deps, clock, kv }
}
const mailSite = (port: number): Site => ({
  ...siteOf(),
  email: { from: 'tokens@lab.example', smtpHost: '127.0.0.1', smtpPort: port },
})
const slackSite = (url: string) => siteOf(`notifications: { SLACK_ALERTS_URL: "${url}" }`)

/** The same bucket, whose `failing`th write does not come through. */
function withFailingWrite({ kv }: FakeKv, failing: number, why: string): KV {
  let writes = 0
  const put: KV['put'] = (key, value) => {
    writes += 1
    return writes === failing ? Promise.reject(new Error(why)) : kv.put(key, value)
  }
  return { ...kv, put } as unknown as KV
}

/** `delivered`, the wait in milliseconds, or why it is given up. */
const ended = (work: Promise<unknown>): Promise<string | number> =>
  work.then(
    () => 'delivered',
    (error: unknown) => {
      if (error instanceof RetryLater) return error.delayMs
      if (error instanceof Permanent) return error.message
      throw error
    },
  )

describe('the outbox', () => {
  it('delivers a message once, however often it comes, also made again under another configuration', async () => {
    await using smtp = await startMailServer()
    const { deps } = outboxOf(mailSite(smtp.port))
    const again = { ...mail, run: ofRun(runIds[1]).run, text: 'without what is muted now' }
    for (const one of [mail, mail, again]) assert.deepEqual(await deliver(received(one), deps), [])
    assert.equal(smtp.mails.length, 1)
  })

  it('keeps what cannot be delivered yet, waits longer each time, five minutes at most, and then delivers it once', async () => {
    await using smtp = await startMailServer({ to: [451, 451, 451] })
    const { deps } = outboxOf(mailSite(smtp.port))
    const ends: (string | number)[] = []
    for (const deliveries of [1, 2, 1_000, 1_001, 1_002])
      ends.push(await ended(deliver(received(mail, deliveries), deps)))
    assert.deepEqual(ends, [1_000, 2_000, 5 * minutes, 'delivered', 'delivered'])
    assert.equal(smtp.mails.length, 1)
  })

  it('gives up at once what is refused for good, and where nothing is configured', async () => {
    await using smtp = await startMailServer({ to: [550] })
    assert.match(
      String(await ended(deliver(received(mail), outboxOf(mailSite(smtp.port)).deps))),
      /did not take the mail: 550/,
    )
    const nothing = outboxOf(siteOf()).deps
    assert.match(String(await ended(deliver(received(mail), nothing))), /No mail server is configured/)
    for (const [channel, to] of [
      ['slack', 'admin'],
      ['slack', 'experiment:constructor'],
      ['webhook', 'admin_test'],
    ] as const)
      assert.match(
        String(await ended(deliver(received({ ...post, channel, to }), nothing))),
        /^No .*webhook is configured for (admin|experiment:constructor|admin_test)\.$/,
      )
  })

  it('sends nothing to anybody whom the configuration does not name now', async () => {
    await using smtp = await startMailServer()
    const site = {
      ...mailSite(smtp.port),
      ...{ notifications: slackSite('https://hooks.slack.test/admin').notifications },
    }
    for (const to of ['evil@example.org', 'dune@lab.example, evil@example.org', 'DUNE@lab.example', ''])
      assert.match(
        String(await ended(deliver(received({ ...mail, to, id: `run.${to}` }), outboxOf(site).deps))),
        /is no address of the configuration\.$/,
      )
    for (const to of ['', 'admins', 'https://evil.example.org/', 'experiment:evil', '__proto__'])
      assert.match(
        String(await ended(deliver(received({ ...post, to }), outboxOf(site).deps))),
        /^No Slack webhook is configured for /,
      )
    assert.equal(smtp.mails.length, 0)
  })

  it('takes a message on the subject of its addressee, marked as a word alone or not, and on no other', () => {
    const isTaken = (subject: string) => schemaOfNotification(subject).safeParse(mail).success
    const own = notifySubject('email', mail.to)
    for (const subject of [own, `${own}.undelivered`]) assert.ok(isTaken(subject), subject)
    for (const subject of [
      'notify.x',
      `${own}.x`,
      notifySubject('slack', mail.to),
      notifySubject('email', 'e@x.y'),
    ])
      assert.ok(!isTaken(subject), subject)
  })

  it('tries for a day by the message’s own time, once more at its end, then gives up with the last reason', async () => {
    await using smtp = await startMailServer({ to: [451, 451, 451] })
    const { deps, clock } = outboxOf(mailSite(smtp.port))
    clock.now = start + 24 * 60 * minutes - 1_234
    assert.equal(await ended(deliver(received(mail, 300), deps)), 1_234)
    clock.now += 1_234
    assert.match(
      String(await ended(deliver(received(mail, 301), deps))),
      /^Not delivered within a day: .* did not take the mail: 451/,
    )
  })

  it('tries a message that lay there for more than a day while there was no notifier', async () => {
    await using smtp = await startMailServer()
    const { deps, clock } = outboxOf(mailSite(smtp.port))
    clock.now = start + 30 * 60 * minutes
    assert.equal(await ended(deliver(received(mail), deps)), 'delivered')
    assert.equal(smtp.mails.length, 1)
  })

  it('leaves a server alone that takes nothing, for every message, and asks again afterwards', async () => {
    await using slack = await startHttpServer({ status: 500 }, { status: 500 })
    const { deps, clock } = outboxOf(slackSite(slack.url))
    const other = { ...post, id: 'another' }
    assert.equal(await ended(deliver(received(post), deps)), 1_000)
    assert.equal(await ended(deliver(received(other), deps)), 1_000)
    assert.equal(slack.posts.length, 1)
    clock.now += 1_000
    assert.equal(await ended(deliver(received(other), deps)), 2_000)
    clock.now += 2_000
    for (const one of [post, other]) {
      clock.now += 1_000
      assert.equal(await ended(deliver(received(one), deps)), 'delivered')
    }
    assert.equal(slack.posts.length, 4)
  })

  const expected = 90_000
  const retryAfter: Record<string, () => string> = {
    'in seconds': () => '90',
    'as a date': () => new Date(Math.ceil(Date.now() / 1_000) * 1_000 + expected).toUTCString(),
  }
  for (const [how, headerNow] of Object.entries(retryAfter))
    it(`asks nothing of Slack before Retry-After is over, given ${how}`, async () => {
      await using slack = await startHttpServer({ status: 429, headers: { 'Retry-After': headerNow() } })
      const { deps, clock } = outboxOf(slackSite(slack.url))
      const wait = Number(await ended(deliver(received(post), deps)))
      assert.ok(Math.abs(wait - expected) <= 30_000, `${wait}`)
      clock.now += wait - 1
      assert.equal(await ended(deliver(received({ ...post, id: 'another' }), deps)), 1)
      assert.equal(slack.posts.length, 1)
      clock.now += 1
      assert.equal(await ended(deliver(received(post), deps)), 'delivered')
    })

  it('tries a webhook that never answers again, until it does', async () => {
    const hang: HttpAnswer = 'hang'
    await using slack = await startHttpServer(hang, hang)
    const { deps, clock } = outboxOf(slackSite(slack.url))
    // Long enough for each post to have come before it is given up.
    const impatient = { ...deps, patience: { untilAgreedMs: 500, forDataMs: 500 } }
    for (const wait of [1_000, 2_000]) {
      assert.equal(await ended(deliver(received(post), impatient)), wait)
      clock.now += wait
    }
    assert.equal(await ended(deliver(received(post), deps)), 'delivered')
    assert.equal(await ended(deliver(received(post), deps)), 'delivered')
    assert.equal(slack.posts.length, 3)
  })

  it('gives a webhook that is gone (404) up at once', async () => {
    await using slack = await startHttpServer({ status: 404 })
    const { deps } = outboxOf(slackSite(slack.url))
    assert.equal(await ended(deliver(received(post), deps)), 'Slack answered with status 404.')
  })

  it('posts once a second to a hook, under whichever name and however many wait', async () => {
    await using slack = await startHttpServer()
    const site: Site = { ...slackSite(slack.url), experimentSlack: { dune: slack.url } }
    const deps: OutboxDeps = { ...outboxOf(site).deps, limiter: createRateLimiter() }
    const messages = [post, { ...post, id: 'second' }, { ...post, id: 'third', to: 'experiment:dune' }]
    const begun = performance.now()
    await Promise.all(messages.map((one) => deliver(received(one), deps)))
    // A post may take its time to arrive; none comes before its turn, but for the milliseconds by which timers are early.
    for (const [turn, { at: came }] of slack.posts.entries())
      assert.ok(came - begun > turn * 1_000 - 20, `${turn}: ${came - begun} ms`)
    assert.equal(slack.posts.length, 3)
  })

  it('writes down that it sends before the message goes out: where that cannot be written, nothing goes', async () => {
    await using slack = await startHttpServer()
    const { deps, kv } = outboxOf(slackSite(slack.url))
    const full = withFailingWrite(kv, 1, 'no space')
    await assert.rejects(deliver(received(post), { ...deps, runs: full }), /no space/)
    assert.equal(slack.posts.length, 0)
  })

  it('sends nothing again that was taken while the bus was away: it writes that down when the bus is back', async () => {
    await using slack = await startHttpServer()
    const { deps, kv } = outboxOf(slackSite(slack.url))
    const flaky = { ...deps, runs: withFailingWrite(kv, 2, 'bus away') }
    await assert.rejects(deliver(received(post), flaky), /bus away/)
    for (let i = 0; i < 2; i += 1) assert.equal(await ended(deliver(received(post), flaky)), 'delivered')
    assert.equal(slack.posts.length, 1)
  })

  it('sends a message again of which it is not known whether it went out, and with the same Message-ID', async () => {
    await using smtp = await startMailServer()
    const { deps, kv } = outboxOf(mailSite(smtp.port))
    // A notifier that is killed when the server has the mail.
    const killed = { ...deps, runs: withFailingWrite(kv, 2, 'killed') }
    await assert.rejects(deliver(received(mail), killed), /killed/)
    const next = { ...deps, unrecorded: new Set<string>() }
    for (let i = 0; i < 3; i += 1) assert.equal(await ended(deliver(received(mail), next)), 'delivered')
    const ids = smtp.mails.map((one) => /^Message-ID: (.*)\r$/m.exec(one)?.[1])
    assert.deepEqual(ids, Array(2).fill('<run.email.dune%40lab.example@managed-tokens>'))
  })

  it('keeps no address of a webhook', async () => {
    await using slack = await startHttpServer()
    const written: string[] = []
    const { deps, kv } = outboxOf(slackSite(slack.url))
    const put: typeof kv.kv.put = (key, value) => {
      written.push(key, String(value))
      return kv.kv.put(key, value)
    }
    await deliver(received(post), { ...deps, runs: { ...kv.kv, put } as unknown as typeof kv.kv })
    assert.equal(written.length, 4)
    assert.doesNotMatch(written.join(), /secret|127\.0/)
  })
})
