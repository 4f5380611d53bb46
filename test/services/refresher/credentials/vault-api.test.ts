/** Asking Vault how long a token lives: its answers, and what of them may be repeated. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { layoutOf } from '../../../../sandbox/layout.ts'
import { makeTls } from '../../../../sandbox/tls.ts'
import { tokenExpiry } from '../../../../services/refresher/credentials/vault-api.ts'
import { HttpError } from '../../../../shared/https/http-error.ts'
import { onWayToVault } from '../../../../shared/vault/vault-url.ts'
import { type Listening, listen } from '../../notifier/channels/mail-server.ts'

const token = 'not-a-token'

describe('how long a token lives', () => {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'mt-vault-api-')))
  let server: Server
  let listening: Listening
  let answer: { status: number; body: string }
  const askVault = () =>
    tokenExpiry(`https://localhost:${listening.port}`, token, {
      caPath: layout.certificates,
      timeoutMs: 30_000,
      signal: new AbortController().signal,
    })

  before(async () => {
    mkdirSync(layout.vault)
    server = createServer(await makeTls(layout), (request, response) => {
      const asked = request.url === '/v1/auth/token/lookup-self' && request.headers['x-vault-token'] === token
      response.writeHead(asked ? answer.status : 400).end(answer.body)
    })
    listening = await listen(server)
  })
  after(async () => {
    await listening?.[Symbol.asyncDispose]()
    rmSync(layout.dir, { recursive: true })
  })

  it('is what Vault says, from now on', async () => {
    answer = { status: 200, body: JSON.stringify({ data: { id: token, ttl: 3_600 } }) }
    const before = Date.now()
    const end = (await askVault()).getTime() - 3_600_000
    assert.ok(end >= before && end <= Date.now())
  })

  it('is unknown where Vault is sealed, and the failure says so', async () => {
    answer = { status: 503, body: '{"errors":["Vault is sealed"]}' }
    await assert.rejects(askVault(), ({ failure }) => {
      assert.equal(failure.code, 'vault-unreachable')
      assert.match(failure.message, /did not say how long the token lives: it is sealed\.$/)
      return true
    })
  })

  it('is unknown where nobody vouches for Vault’s certificate, which is no outage', async () => {
    const stranger = tokenExpiry(`https://localhost:${listening.port}`, token, {
      timeoutMs: 30_000,
      signal: new AbortController().signal,
    })
    await assert.rejects(stranger, ({ failure }) => {
      assert.equal(failure.code, 'vault-tls')
      assert.match(failure.message, /: localhost:\d+: self-signed certificate in certificate chain\.$/)
      assert.match(failure.action, /vault\.caPath or X509_CERT_DIR/)
      return true
    })
  })

  it('is unknown where Vault refuses, and the failure says how', async () => {
    answer = { status: 503, body: 'busy' }
    await assert.rejects(askVault(), ({ failure }) => {
      assert.equal(failure.code, 'vault-unreachable')
      assert.match(
        failure.message,
        /did not say how long the token lives: localhost:\d+ answered with status 503\.$/,
      )
      return true
    })
  })

  it('is to be asked later where Vault asks for a pause, which then begins', async () => {
    answer = { status: 429, body: JSON.stringify({ errors: ['rate limit quota exceeded'] }) }
    await assert.rejects(askVault(), ({ failure }) => {
      assert.equal(failure.code, 'rate-limited')
      assert.equal(failure.causeName, 'localhost')
      return true
    })
  })

  for (const body of [
    `{"data": {"id": "${token}", "ttl": 1`,
    token,
    `{"data": {"id": "${token}", "ttl": "long"}}`,
  ])
    it(`is unknown where the answer cannot be read, which is not quoted: it may hold the token (${body.length} characters)`, async () => {
      answer = { status: 200, body }
      await assert.rejects(askVault(), ({ message }) => {
        assert.match(message, /: its answer cannot be read\.$/)
        assert.ok(!message.includes(token.slice(0, 5)))
        return true
      })
    })
})

describe('the way to Vault', () => {
  const options = { timeoutMs: 1_000 }
  const ofProxy = new HttpError('the proxy p:1 did not connect', { kind: 'proxy' })
  const asking = (...ends: (string | Error)[]) => {
    const ways: (boolean | undefined)[] = []
    const asked = onWayToVault(async ({ direct }) => {
      ways.push(direct)
      const end = ends.shift() ?? ''
      if (typeof end === 'string') return end
      throw end
    }, options)
    return { asked, ways }
  }

  it('is direct where no proxy leads there, as it is for htgettoken, which knows none', async () => {
    const { asked, ways } = asking(ofProxy, 'here')
    assert.equal(await asked, 'here')
    assert.deepEqual(ways, [undefined, true])
  })

  it('fails as the proxy did where the direct way fails as well', async () => {
    await assert.rejects(asking(ofProxy, new Error('no route')).asked, ofProxy)
  })

  it('is one only where Vault itself fails', async () => {
    const { asked, ways } = asking(new HttpError('status 503', { kind: 'status', status: 503 }))
    await assert.rejects(asked, /503/)
    assert.deepEqual(ways, [undefined])
  })
})
