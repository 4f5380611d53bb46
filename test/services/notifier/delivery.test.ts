import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import pino from 'pino'
import { SMTPServer } from 'smtp-server'
import { announceDeadLetter } from '../../../services/notifier/dead-letter.ts'
import { sendMail } from '../../../services/notifier/email.ts'
import { deliver } from '../../../services/notifier/outbox.ts'
import { postToSlack } from '../../../services/notifier/slack.ts'
import type { Site } from '../../../shared/config/site.ts'
import type { Received } from '../../../shared/consume.ts'
import { Permanent, RetryLater, type Transient } from '../../../shared/errors.ts'
import type { DeadLetter, Notification } from '../../../shared/messages.ts'
import { at, ofRun, siteOf } from '../build.ts'
import { fakeKv } from '../fake-kv.ts'

const message: Notification = {
  ...{ ...ofRun(), channel: 'email', to: 'dune@lab.example', id: 'run.email.dune@lab.example' },
  ...{ subject: 'a subject', text: 'a text' },
}
const from = (smtpPort: number) => ({ from: 'tokens@lab.example', smtpHost: '127.0.0.1', smtpPort })

/** Listens on a free port of the loopback; closes with every connection. */
async function listen(server: Server) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
/** Ends well, or with the kind and code of its failure. */
const ended = (work: Promise<unknown>) =>
  work.then(
    () => 'delivered',
    (error: Permanent | Transient) => `${error.name} ${error.failure.code}`,
  )

describe('sending a mail', () => {
  const reply = (responseCode: number, text: string) => Object.assign(new Error(text), { responseCode })
  const answers: Record<string, [number, string, 'connect' | 'from' | 'to' | 'data', string]> = {
    'an addressee that is not known': [550, 'No such user', 'to', 'Permanent'],
    'an addressee whose box is full': [452, 'Try later', 'to', 'Transient'],
    'a sender that is not allowed': [553, 'Not you', 'from', 'Permanent'],
    greylisting: [451, 'Greylisted', 'from', 'Transient'],
    'a text that is not wanted': [554, 'Rejected', 'data', 'Permanent'],
    'a disk that is full': [452, 'Insufficient storage', 'data', 'Transient'],
    'a server that is busy': [421, 'Too busy', 'connect', 'Transient'],
    'a server that takes no mail': [554, 'No SMTP here', 'connect', 'Permanent'],
  }
  for (const [what, [code, text, when, kind]] of Object.entries(answers))
    it(`is ${kind === 'Permanent' ? 'given up' : 'tried again'} after ${what} (${code})`, async () => {
      const done = (stage: string) => (stage === when ? reply(code, text) : undefined)
      const server = new SMTPServer({
        authOptional: true,
        disabledCommands: ['STARTTLS', 'AUTH'],
        onConnect: (_session, end) => end(done('connect')),
        onMailFrom: (_address, _session, end) => end(done('from')),
        onRcptTo: (_address, _session, end) => end(done('to')),
        onData: (stream, _session, end) => stream.resume().on('end', () => end(done('data'))),
      })
      await using at = await listen(server.server as unknown as Server)
      assert.equal(await ended(sendMail(message, from(at.port), 5_000)), `${kind} notification-failed`)
    })

  it('is tried again when nothing listens', async () => {
    let port: number
    {
      await using gone = await listen(createServer())
      port = gone.port
    }
    assert.equal(await ended(sendMail(message, from(port), 5_000)), 'Transient notification-failed')
  })
  it('is tried again when the server says nothing', async () => {
    await using silent = await listen(createServer(() => undefined))
    assert.equal(await ended(sendMail(message, from(silent.port), 100)), 'Transient notification-failed')
  })
  it('is tried again when the server hangs up', async () => {
    await using rude = await listen(createServer((socket) => socket.end()))
    assert.equal(await ended(sendMail(message, from(rude.port), 5_000)), 'Transient notification-failed')
  })
  it('is tried again when the server says a word now and then, for ever', async () => {
    const timers: NodeJS.Timeout[] = []
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.write('220-hello\r\n')
      timers.push(setInterval(() => socket.write('220-wait\r\n'), 20))
    })
    await using tarpit = await listen(server)
    assert.equal(await ended(sendMail(message, from(tarpit.port), 150)), 'Transient notification-failed')
    timers.forEach(clearInterval)
  })
  it('says who did not take it, in a line', async () => {
    await using rude = await listen(createServer((socket) => socket.end('554 go\x1b[31m away\r\n')))
    await assert.rejects(
      sendMail(message, from(rude.port), 5_000),
      /^Permanent: 127\.0\.0\.1 did not take the mail: \P{Cc}+\.$/u,
    )
  })
})

describe('posting to Slack', () => {
  const post = async (status: number | 'hang' | 'cut', patienceMs = 5_000) => {
    const seen: { type: string | undefined; body: string }[] = []
    const server = createHttp((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        seen.push({ type: request.headers['content-type'], body })
        if (status === 'cut') request.socket.destroy()
        else if (status !== 'hang')
          response.writeHead(status, { Location: '/elsewhere' }).end('x'.repeat(100_000))
      })
    })
    await using at = await listen(server)
    const end = await ended(
      postToSlack(message, `http://127.0.0.1:${at.port}/services/T0/B0/secret`, patienceMs),
    )
    return { end, seen }
  }
  const table: Record<string, [number | 'hang' | 'cut', string]> = {
    'is done with 200': [200, 'delivered'],
    'is given up when the message is refused (400)': [400, 'Permanent notification-failed'],
    'is given up when the hook is refused (403)': [403, 'Permanent notification-failed'],
    'is given up when the hook is gone (404)': [404, 'Permanent notification-failed'],
    'is given up when the channel is archived (410)': [410, 'Permanent notification-failed'],
    'is tried again when Slack wants a pause (429)': [429, 'Transient notification-failed'],
    'is tried again when Slack failed (500)': [500, 'Transient notification-failed'],
    'is tried again rather than led elsewhere (302)': [302, 'Transient notification-failed'],
    'is tried again when the connection breaks': ['cut', 'Transient notification-failed'],
  }
  for (const [what, [status, expected]] of Object.entries(table))
    it(what, async () => {
      const { end, seen } = await post(status)
      assert.equal(end, expected)
      assert.equal(seen.length, 1)
      assert.equal(seen[0]?.type, 'application/json')
      assert.doesNotThrow(() => JSON.parse(seen[0]?.body ?? ''))
    })
  it('is tried again when Slack does not answer in time', async () => {
    assert.equal((await post('hang', 100)).end, 'Transient notification-failed')
  })
  it('never says the hook’s address in a failure', async () => {
    const secret = 'http://127.0.0.1:1/services/T0/B0/secret'
    await assert.rejects(postToSlack(message, secret, 1_000), (error: Error) => {
      assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /secret|T0/)
      assert.equal(error.cause, undefined)
      return true
    })
  })
})

describe('the outbox', () => {
  const received = <T>(body: T, deliveries = 1, subject = 'notify.email.x') =>
    ({ body, deliveries, subject, log: pino({ level: 'silent' }) }) as unknown as Received<T>
  const sink = async (refusals: (number | undefined)[]) => {
    const taken: string[] = []
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS', 'AUTH'],
      onRcptTo({ address }, _session, end) {
        const code = refusals.shift()
        if (code) return end(Object.assign(new Error('no'), { responseCode: code }))
        taken.push(address)
        end()
      },
      onData: (stream, _session, end) => stream.resume().on('end', () => end()),
    })
    const listening = await listen(server.server as unknown as Server)
    const site = (): Site => ({ ...siteOf(), email: from(listening.port) })
    return { taken, site, [Symbol.asyncDispose]: listening[Symbol.asyncDispose] }
  }

  it('delivers a message once, however often it comes', async () => {
    await using smtp = await sink([])
    const deps = { site: smtp.site, runs: fakeKv().kv }
    for (let i = 0; i < 3; i += 1) assert.deepEqual(await deliver(received(message), deps), [])
    assert.deepEqual(smtp.taken, ['dune@lab.example'])
  })
  it('keeps what cannot be delivered yet, waits longer each time, and then delivers it once', async () => {
    await using smtp = await sink([451, 451])
    const deps = { site: smtp.site, runs: fakeKv().kv }
    const waits: number[] = []
    for (const deliveries of [1, 2])
      await assert.rejects(deliver(received(message, deliveries), deps), (error: RetryLater) => {
        assert.ok(error instanceof RetryLater && error.failure === undefined)
        return waits.push(error.delayMs) > 0
      })
    assert.ok((waits[1] ?? 0) > (waits[0] ?? 0))
    await deliver(received(message, 3), deps)
    await deliver(received(message, 4), deps)
    assert.deepEqual(smtp.taken, ['dune@lab.example'])
  })
  it('never waits longer than five minutes', async () => {
    await using smtp = await sink([451])
    await assert.rejects(deliver(received(message, 1_000), { site: smtp.site, runs: fakeKv().kv }), {
      delayMs: 300_000,
    })
  })
  it('gives up what is refused for good', async () => {
    await using smtp = await sink([550])
    await assert.rejects(deliver(received(message), { site: smtp.site, runs: fakeKv().kv }), Permanent)
  })
  it('gives up where no mail server or no hook is configured', async () => {
    const deps = { site: () => siteOf(), runs: fakeKv().kv }
    await assert.rejects(deliver(received(message), deps), Permanent)
    await assert.rejects(deliver(received({ ...message, channel: 'slack', to: 'admin' }), deps), Permanent)
  })
})

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
  it('is not announced when it lay in the outbox: that would go round in circles', async () => {
    assert.deepEqual(await announce('dead.notify.notifier-outbox'), [])
  })
  it('is not announced where notifications are off', async () => {
    assert.deepEqual(await announce('dead.tokens.notifier', `disableNotifications: true\n${recipients}`), [])
  })
})
