import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { simpleParser } from 'mailparser'
import type { SMTPServerOptions } from 'smtp-server'
import { layoutOf } from '../../../../sandbox/layout.ts'
import { makeTls, type Tls } from '../../../../sandbox/tls.ts'
import type { Delivery } from '../../../../services/notifier/channels/delivery.ts'
import { sendMail } from '../../../../services/notifier/channels/email.ts'
import type { MailServer } from '../../../../shared/config/site.ts'
import type { Notification } from '../../../../shared/contracts/messages.ts'
import { ofRun } from '../../build.ts'
import { type Listening, listen, startMailServer } from './mail-server.ts'

const message: Notification = {
  ...{ ...ofRun(), channel: 'email', to: 'dune@lab.example', id: 'run.email.dune@lab.example' },
  ...{ subject: 'a subject', text: 'a text' },
}
const at = (smtpPort: number, more: Partial<MailServer> = {}): MailServer => ({
  ...{ from: 'tokens@lab.example', smtpHost: '127.0.0.1', smtpPort },
  ...more,
})
const patience = { untilAgreedMs: 60_000, forDataMs: 60_000 }
/** `later server`, `later message`, `refused` or `delivered`. */
const brief = (outcome: Delivery) => (outcome.end === 'later' ? `later ${outcome.trouble}` : outcome.end)

describe('a mail', () => {
  const answers: Record<string, [number, 'connect' | 'from' | 'to' | 'data', string]> = {
    'an addressee that is not known': [550, 'to', 'refused'],
    'an addressee whose box is full': [452, 'to', 'later message'],
    'a sender that is not allowed': [553, 'from', 'refused'],
    greylisting: [451, 'to', 'later message'],
    'a text that is not wanted': [554, 'data', 'refused'],
    'a disk that is full': [452, 'data', 'later message'],
    'a server that is busy': [421, 'connect', 'later server'],
    'a server that shuts down in the middle': [421, 'to', 'later server'],
    'a server that takes no mail, which somebody may have configured wrongly': [
      554,
      'connect',
      'later server',
    ],
  }
  for (const [what, [code, stage, end]] of Object.entries(answers))
    it(`ends as ${end} after ${what} (${code})`, async () => {
      await using server = await startMailServer({ [stage]: [code] })
      assert.equal(brief(await sendMail(message, at(server.port), { patience })), end)
      assert.deepEqual(server.mails, [])
    })

  it('has the sender’s name in its header and the bare address in its envelope', async () => {
    await using server = await startMailServer()
    await sendMail(message, at(server.port, { fromName: 'Ops, MT' }), { patience })
    const [mail] = server.mails
    const { from } = await simpleParser(mail ?? '')
    assert.equal(from?.text, '"Ops, MT" <tokens@lab.example>')
  })
  it('is tried again when nothing listens', async () => {
    // Nobody listens on port 1, and nobody is given it meanwhile.
    const outcome = await sendMail(message, at(1), { patience })
    assert.equal(brief(outcome), 'later server')
  })
  it('is tried again when the server says nothing', async () => {
    await using silent = await listen(createServer(() => undefined))
    const soon = { patience: { ...patience, untilAgreedMs: 100 } }
    assert.equal(brief(await sendMail(message, at(silent.port), soon)), 'later server')
  })
  it('is tried again when the server hangs up', async () => {
    await using rude = await listen(createServer((socket) => socket.end()))
    assert.equal(brief(await sendMail(message, at(rude.port), { patience })), 'later server')
  })
  for (const [when, answers] of Object.entries({
    'instead of a greeting': [],
    'instead of what it can do': ['220 hello'],
    'instead of what became of the mail': ['220 hello', '250 hello', '250 ok', '250 ok', '354 go on'],
  }))
    it(`is tried again when the server says a word now and then, for ever, ${when}`, async () => {
      await using tarpit = await startTarpit(answers)
      const soon = { patience: { untilAgreedMs: 300, forDataMs: 300 } }
      assert.equal(brief(await sendMail(message, at(tarpit.port), soon)), 'later server')
    })
  it('may be looked through for long once the server has it: asked again, it would come twice', async () => {
    const untilAgreedMs = 2_000
    await using slow = await listen(
      createServer((socket) => {
        const answers = ['250 hello', '250 ok', '250 ok', '354 go on']
        socket
          .on('error', () => undefined)
          .on('data', (data) => {
            const answer = answers.shift()
            if (answer) socket.write(`${answer}\r\n`)
            else if (/\r\n\.\r\n$/.test(data.toString('latin1')))
              setTimeout(() => socket.write('250 taken\r\n'), untilAgreedMs * 1.2)
          })
        socket.write('220 hello\r\n')
      }),
    )
    const outcome = await sendMail(message, at(slow.port), { patience: { untilAgreedMs, forDataMs: 60_000 } })
    assert.deepEqual(outcome, { end: 'delivered' })
  })
  it('is not sent where it cannot be written down that it is', async () => {
    await using server = await startMailServer()
    const aboutToSend = () => Promise.reject(new Error('the bus is away'))
    await assert.rejects(sendMail(message, at(server.port), { patience, aboutToSend }), /the bus is away/)
    assert.deepEqual(server.mails, [])
  })
  it('is written down as sent when the server agrees to take it, and not where it does not', async () => {
    await using server = await startMailServer({ to: [550, undefined] })
    let times = 0
    const aboutToSend = async () => {
      times += 1
    }
    assert.equal(brief(await sendMail(message, at(server.port), { patience, aboutToSend })), 'refused')
    assert.equal(times, 0)
    assert.equal(brief(await sendMail(message, at(server.port), { patience, aboutToSend })), 'delivered')
    assert.equal(times, 1)
  })
  it('says who did not take it, in a line', async () => {
    await using server = await listen(
      createServer((socket) => {
        const answers = ['250 hello', '250 ok', '550 go\x1b[31m away']
        socket.on('error', () => undefined).on('data', () => socket.write(`${answers.shift()}\r\n`))
        socket.write('220 hello\r\n')
      }),
    )
    const outcome = await sendMail(message, at(server.port), { patience })
    assert.ok(outcome.end === 'refused')
    assert.match(outcome.why, /^127\.0\.0\.1:\d+ did not take the mail: 550 go away\.$/)
  })
  it('has the same Message-ID each time, answers its thread, and is marked as sent by a program', async () => {
    await using server = await startMailServer()
    const threaded = { ...message, thread: 'dune production' }
    for (let i = 0; i < 2; i += 1) await sendMail(threaded, at(server.port), { patience })
    const [first, second] = await Promise.all(server.mails.map((mail) => simpleParser(mail)))
    assert.equal(first?.messageId, '<run.email.dune%40lab.example@managed-tokens>')
    assert.equal(second?.messageId, first?.messageId)
    assert.equal(first?.inReplyTo, '<thread.dune%20production@managed-tokens>')
    assert.equal(first?.references, first?.inReplyTo)
    assert.equal(first?.headers.get('auto-submitted'), 'auto-generated')
    assert.equal(first?.date?.toISOString(), message.at)
  })
})

describe('a mail over TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mt-mail-'))
  const layout = layoutOf(directory)
  const password = join(directory, 'password')
  let tls: Tls
  before(async () => {
    mkdirSync(layout.vault)
    tls = await makeTls(layout)
    writeFileSync(password, 'open sesame\n', { mode: 0o600 })
  })
  after(() => rmSync(directory, { recursive: true }))
  const login = { user: 'robot', passwordFile: password } as const
  const withLogin: SMTPServerOptions = {
    authOptional: false,
    onAuth(auth, _session, end) {
      if (auth.username === 'robot' && auth.password === 'open sesame') end(null, { user: 'robot' })
      else end(Object.assign(new Error('wrong password'), { responseCode: 535 }))
    },
  }
  const whyOf = (outcome: Delivery) => (outcome.end === 'delivered' ? outcome.end : outcome.why)

  it('goes by STARTTLS where it is offered, or from the first byte, to a server that is known', async () => {
    await using starttls = await startMailServer({}, { ...tls, disabledCommands: ['AUTH'] })
    await using fromTheStart = await startMailServer({}, { ...tls, secure: true, disabledCommands: ['AUTH'] })
    const caPath = layout.vaultCa
    const ways: [number, MailServer['tls']][] = [
      [starttls.port, undefined],
      [starttls.port, 'starttls'],
      [fromTheStart.port, 'tls'],
    ]
    for (const [port, way] of ways) {
      const server = at(port, { caPath, ...(way ? { tls: way } : {}) })
      assert.deepEqual(await sendMail(message, server, { patience }), { end: 'delivered' })
    }
    assert.deepEqual([starttls.mails.length, fromTheStart.mails.length], [2, 1])
  })
  it('does not go where nobody vouches for the certificate, and the reason says what to do', async () => {
    await using server = await startMailServer({}, { ...tls, disabledCommands: ['AUTH'] })
    await using fromTheStart = await startMailServer({}, { ...tls, secure: true, disabledCommands: ['AUTH'] })
    for (const [port, way] of [
      [server.port, 'starttls'],
      [fromTheStart.port, 'tls'],
    ] as const) {
      const outcome = await sendMail(message, at(port, { tls: way }), { patience })
      assert.equal(brief(outcome), 'later server')
      assert.match(
        whyOf(outcome),
        /has a certificate that is not to be trusted .*: set email\.caPath to its authority/,
      )
    }
    assert.deepEqual([...server.mails, ...fromTheStart.mails], [])
  })
  it('does not go in the clear where encryption is asked for', async () => {
    await using server = await startMailServer()
    const outcome = await sendMail(message, at(server.port, { tls: 'starttls' }), { patience })
    assert.equal(brief(outcome), 'later server')
    assert.match(whyOf(outcome), /offers no encryption .*: set email\.tls/)
    assert.deepEqual(server.mails, [])
  })
  it('logs in with the password of the file', async () => {
    await using server = await startMailServer({}, { ...tls, ...withLogin })
    const known = at(server.port, { caPath: layout.vaultCa, ...login })
    assert.deepEqual(await sendMail(message, known, { patience }), { end: 'delivered' })
  })
  it('waits for the right password, and says where it is looked for', async () => {
    await using server = await startMailServer({}, { ...tls, ...withLogin })
    const known = at(server.port, { caPath: layout.vaultCa, ...login, user: 'somebody' })
    const outcome = await sendMail(message, known, { patience })
    assert.equal(brief(outcome), 'later server')
    assert.match(whyOf(outcome), /refused the login: .*email\.user and what is in email\.passwordFile/)
    assert.doesNotMatch(whyOf(outcome), /sesame|[A-Za-z0-9+/]{16}/)
  })
  it('never says a password to a server that shows no certificate', async () => {
    await using server = await startMailServer(
      {},
      { ...withLogin, disabledCommands: ['STARTTLS'], allowInsecureAuth: true },
    )
    const outcome = await sendMail(message, at(server.port, login), { patience })
    assert.match(whyOf(outcome), /offers no encryption/)
  })
  it('does not use a password that others may read, or that is not there', async () => {
    await using server = await startMailServer({}, { ...tls, ...withLogin })
    const open = join(directory, 'open')
    writeFileSync(open, 'open sesame')
    chmodSync(open, 0o640)
    const why = async (passwordFile: string) =>
      whyOf(await sendMail(message, at(server.port, { caPath: layout.vaultCa, ...login, passwordFile })))
    assert.match(await why(open), /open is open to others: chmod 600 .*open, and change the password\.$/)
    assert.match(await why(`${open}.not`), /cannot be read by this user \(ENOENT\)/)
    assert.deepEqual(server.mails, [])
  })
})

/** Says these lines, one for each of ours, and from then on that it is not ready yet. */
async function startTarpit(lines: readonly string[]): Promise<Listening> {
  const timers = new Set<NodeJS.Timeout>()
  const server = createServer((socket) => {
    const left = [...lines]
    const answer = () => {
      const line = left.shift()
      if (line !== undefined) socket.write(`${line}\r\n`)
      else timers.add(setInterval(() => socket.write('220-wait\r\n'), 20))
    }
    socket.on('error', () => undefined).on('data', answer)
    answer()
  })
  const listening = await listen(server)
  return {
    ...listening,
    async [Symbol.asyncDispose]() {
      timers.forEach(clearInterval)
      await listening[Symbol.asyncDispose]()
    },
  }
}
