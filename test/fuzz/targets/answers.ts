/** What servers answer over HTTP and SMTP: Vault, FERRY, an issuer, a webhook, a proxy, a mail server. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import {
  ClientSecretPost,
  Configuration,
  clientCredentialsGrant,
  customFetch,
  discovery,
  None,
} from 'openid-client'
import { sendMail } from '../../../services/notifier/channels/email.ts'
import { postJson } from '../../../services/notifier/channels/post-json.ts'
import { tokenExpiry } from '../../../services/refresher/credentials/vault-api.ts'
import { issuerFailure, judgeIssuer } from '../../../services/refresher/issuer/issuer-failure.ts'
import { judgeToken } from '../../../services/refresher/issuer/token-from-issuer.ts'
import { uidIn } from '../../../services/refresher/uids/ferry.ts'
import { errorOf } from '../../../shared/contracts/errors.ts'
import { notification, timestamp } from '../../../shared/contracts/messages.ts'
import { HttpError } from '../../../shared/https/http-error.ts'
import { getText } from '../../../shared/https/request.ts'
import { revokeVaultToken } from '../../../shared/vault/revoke-token.ts'
import { at, ofRun } from '../../services/build.ts'
import { listen } from '../../services/notifier/channels/mail-server.ts'
import { makeEntry } from '../../support/entry.ts'
import { assertForPeople, assertTyped, orTyped, orTypedNow } from '../promises.ts'
import { type FuzzTarget, mostOfBus, pureTarget } from '../target.ts'

const account = 'dunepro'
const ferryWords = [
  '"ferry_status":"success"',
  '"ferry_error":',
  '"uid":',
  '"banned":true',
  '"expirationdate":',
  'dunepro',
]

/** A UID is one that FERRY gives for a success, and never root's. */
export const ferry = pureTarget({ name: 'ferry', words: ferryWords, longest: mostOfBus }, (text) => {
  const uid = orTypedNow(() => uidIn(text, account, 0))
  if (uid === undefined) return
  assert.ok(Number.isSafeInteger(uid) && uid > 0)
  const { ferry_status, ferry_output } = JSON.parse(text) as {
    ferry_status: string
    ferry_output: { uid: number; banned: unknown }
  }
  assert.deepEqual([ferry_status, ferry_output.uid, ferry_output.banned === true], ['success', uid, false])
})

/** Listens for one connection after another, and answers each first word of it with the same bytes. */
async function listenWith(answer: () => string) {
  return listen(
    createServer((socket: Socket) => {
      socket.once('data', () => socket.end(Buffer.from(answer(), 'latin1')))
    }),
  )
}

const httpWords = [
  ...[
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 429 Too Many Requests\r\n',
    'HTTP/1.1 503 x\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n',
    'HTTP/1.0 ',
  ],
  ...[
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n',
    'Retry-After: ',
    'Content-Length: ',
    '\r\n\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    '5\r\nhello\r\n0\r\n\r\n',
    '{"data":{"ttl":',
    '"sealed":true',
    'Set-Cookie: a=b\r\n',
    '{"errors":[]}',
  ],
]

const status = (text: string) =>
  Number(
    /HTTP\/\d\.\d (\d{3})/.exec(text.replace(/HTTP\/1\.[01] 1\d\d[^\n]*\n(?:[^\n]+\n)*?\r?\n/g, ''))?.[1],
  )

/** An answer is one, or a fault with its kind: nothing of the answer is told. */
export const http: FuzzTarget = {
  ...{ name: 'http', words: httpWords, longest: mostOfBus, cases: 30 },
  async open() {
    let answer = ''
    const server = await listenWith(() => answer)
    const url = `http://127.0.0.1:${server.port}`
    const asking = { timeoutMs: 5_000, signal: new AbortController().signal }
    return {
      async read(text) {
        answer = text
        const expiry = await orTyped(() => tokenExpiry(url, 'none', asking))
        if (expiry) assert.match(timestamp(expiry), /^\d{4}-/)
        await orTyped(() => revokeVaultToken(url, 'none', asking))
        await getText(new URL(url), asking).catch(assertHttpError)
        const delivery = await postJson(`${url}/planted-path`, {}, { name: 'Slack', patienceMs: 5_000 })
        if (delivery.end === 'delivered')
          assert.ok(/HTTP\/\d\.\d 2\d\d/.test(text), `delivered, whatever ${status(text)} means`)
        else {
          assertForPeople(delivery.why)
          assert.ok(!delivery.why.includes('planted-path'))
        }
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
}

function assertHttpError(error: unknown): void {
  assert.ok(error instanceof HttpError, error instanceof Error ? error.stack : String(error))
  assertForPeople(error.message)
}

/** A proxy that does not connect, or not to Vault, is told by its name, without its words. */
export const proxy: FuzzTarget = {
  ...{ name: 'proxy', words: [...httpWords, 'Proxy-Authenticate: Basic realm="', 'HTTP/1.1 407 '] },
  ...{ longest: mostOfBus, cases: 30 },
  async open() {
    let answer = ''
    const server = await listenWith(() => answer)
    const asker = new Worker(new URL('./ask-by-proxy.ts', import.meta.url), {
      env: { HTTPS_PROXY: `http://127.0.0.1:${server.port}` },
    })
    return {
      async read(text) {
        answer = text
        asker.postMessage('ask')
        const [said] = (await once(asker, 'message')) as [{ kind: string; message: string }]
        assert.ok(['proxy', 'tls', 'timeout'].includes(said.kind), JSON.stringify(said))
        assertForPeople(said.message)
        assert.match(said.message, /127\.0\.0\.1:\d+|^vault\.lab\.example/)
      },
      async [Symbol.asyncDispose]() {
        await asker.terminate()
        await server[Symbol.asyncDispose]()
      },
    }
  },
}

const issuerWords = [
  ...[
    '200\n',
    '400\n',
    '401\n',
    '302\n',
    '204\n',
    'application/json\n',
    'text/html\n',
    '"error":',
    '"invalid_grant"',
    '"slow_down"',
    '"error_description":',
  ],
  ...[
    '"access_token":',
    '"token_type":"Bearer"',
    '"expires_in":',
    '"refresh_token":',
    '"id_token":',
    '"issuer":"https://i.example"',
    '"token_endpoint":',
  ],
]
const issuer = 'https://i.example'

/** A token is one word with an end; everything else has a reason. The first lines are status and content type. */
export const issuerAnswers: FuzzTarget = {
  ...{ name: 'issuer', words: issuerWords, longest: mostOfBus, cases: 50 },
  open: () => ({
    async read(text) {
      const [first = '', type = '', ...rest] = text.split('\n')
      const number = Number(first)
      if (!(number >= 200 && number < 600) || !/^[\x20-\x7e]*$/.test(type)) return
      const bare = [204, 205, 304].includes(number)
      const fetch = async () =>
        new Response(bare ? null : rest.join('\n'), { status: number, headers: { 'Content-Type': type } })
      const client = new Configuration(
        { issuer, token_endpoint: `${issuer}/token` },
        'client',
        {},
        ClientSecretPost('none'),
      )
      client[customFetch] = fetch
      const now = Date.UTC(2031, 0, 1)
      await assertJudged(async () => {
        const answer = await clientCredentialsGrant(client, {})
        const token = orTypedNow(() => judgeToken(makeEntry(), answer, { url: issuer }, now))
        if (token)
          assert.ok(Date.parse(timestamp(token.expiry)) > now && rest.join('\n').includes('access_token'))
      })
      await assertJudged(() =>
        discovery(new URL(issuer), 'client', undefined, None(), { [customFetch]: fetch }),
      )
    },
  }),
}

async function assertJudged(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask()
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    for (const grant of ['refresh_token', 'token_exchange', 'client_credentials'] as const) {
      const verdict = judgeIssuer(error, { grant })
      assertTyped(errorOf(issuerFailure(verdict, { service: 'dune_production', url: issuer })))
    }
  }
}

const smtpWords = [
  '220 mail\r\n',
  '250 ok\r\n',
  '250-SIZE\r\n',
  '250 STARTTLS\r\n',
  '354 go on\r\n',
  '550 5.1.1 nobody\r\n',
  '421 later\r\n',
  '334 \r\n',
  '\n\n',
  '535 ',
]

/** A mail is delivered when the server says so of the whole of it. An answer ends with a blank line. */
export const smtp: FuzzTarget = {
  ...{ name: 'smtp', words: smtpWords, longest: 64 * 1024, cases: 20 },
  async open() {
    let answers: string[] = []
    let toWhole: string | undefined
    const server = await listen(
      createServer((socket: Socket) => {
        const say = () => {
          const next = answers.shift()
          if (next === undefined) socket.end()
          else socket.write(Buffer.from(`${next.replace(/\r?\n/g, '\r\n')}\r\n`, 'latin1'))
          return next
        }
        say()
        socket.setEncoding('latin1').on('data', (data: string) => {
          const isWhole = data.endsWith('\r\n.\r\n')
          const said = say()
          if (isWhole) toWhole = said
        })
      }),
    )
    const mail = notification.parse({
      ...{ ...ofRun(), channel: 'email', to: 'dune@lab.example', id: 'fuzz', at: at(1) },
      ...{ subject: 'fuzz', text: 'fuzz' },
    })
    return {
      async read(text) {
        answers = text.split('\n\n')
        toWhole = undefined
        const patience = { untilAgreedMs: 400, forDataMs: 400 }
        const to = {
          from: 'tokens@lab.example',
          smtpHost: '127.0.0.1',
          smtpPort: server.port,
          tls: 'none',
        } as const
        const delivery = await sendMail(mail, to, { patience })
        if (delivery.end === 'delivered') assert.match(toWhole ?? '', /^2\d\d/m)
        else assertForPeople(delivery.why)
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
}
