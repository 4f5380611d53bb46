/** Questions that go by way of a real proxy, to hosts that only the proxy finds. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type Listening, listen } from '../../services/notifier/channels/mail-server.ts'
import { askTheWeb } from '../../support/asking.ts'
import { makeAuthority, makeServerCertificate } from '../../support/certificates.ts'
import { type ConnectProxy, startConnectProxy } from '../../support/connect-proxy.ts'

const password = 'planted-word'

describe('by way of a proxy', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mt-by-proxy-'))
  const stack = new AsyncDisposableStack()
  let authority: string
  let proxy: ConnectProxy
  let server: Listening
  let env: Record<string, string>
  let url: string

  before(async () => {
    authority = makeAuthority(directory, 'authority')
    const tls = makeServerCertificate(authority, 'DNS:vault.lab.example')
    server = stack.use(await listen(createServer(tls, (_, response) => response.end('here'))))
    proxy = stack.use(await startConnectProxy())
    url = `https://vault.lab.example:${server.port}/`
  })
  beforeEach(() => {
    proxy.asked.length = 0
    proxy.refuseWith = undefined
    env = { SSL_CERT_FILE: authority, HTTPS_PROXY: `http://robot:${password}@127.0.0.1:${proxy.port}` }
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true })
  })

  const connected = () => [
    {
      what: `CONNECT vault.lab.example:${server.port}`,
      login: `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`,
    },
  ]

  it('a question is answered, over TLS with the server itself', async () => {
    assert.equal((await askTheWeb(env, 'get', url)).answer, 'here')
    assert.deepEqual(proxy.asked, connected())
  })

  it('hooks and telemetry go the same way', async () => {
    assert.deepEqual((await askTheWeb(env, 'webhook', url)).answer, { end: 'delivered' })
    assert.equal((await askTheWeb(env, 'push', url)).answer, 'taken')
    assert.equal((await askTheWeb(env, 'pushgateway', url)).answer, 0)
    assert.equal((await askTheWeb(env, 'spans', url)).answer, 0)
    assert.deepEqual(proxy.asked, [...connected(), ...connected(), ...connected(), ...connected()])
  })

  it('http goes by the proxy for http', async () => {
    const asking = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` }
    assert.equal((await askTheWeb(asking, 'push', 'http://loki.lab.example/loki')).answer, 'taken')
    assert.deepEqual(proxy.asked, [{ what: 'POST http://loki.lab.example/loki', login: undefined }])
  })

  it('nothing goes that NO_PROXY excepts', async () => {
    const { kind, code } = await askTheWeb({ ...env, NO_PROXY: 'lab.example' }, 'get', url)
    assert.deepEqual([kind, proxy.asked], ['network', []])
    assert.match(code ?? '', /ENOTFOUND|EAI_AGAIN/)
  })

  it('a certificate that is not trusted is still the server’s matter', async () => {
    const { kind, message } = await askTheWeb({ HTTPS_PROXY: env.HTTPS_PROXY ?? '' }, 'get', url)
    assert.equal(kind, 'tls')
    assert.match(message ?? '', /^vault\.lab\.example:\d+: unable to /)
  })

  const failures: Record<string, [prepare: () => void, message: RegExp]> = {
    'a proxy that refuses': [
      () => {
        proxy.refuseWith = 403
      },
      /^the proxy 127\.0\.0\.1:\d+ did not connect to vault\.lab\.example:\d+ \(status 403\)$/,
    ],
    'a proxy that wants another login': [
      () => {
        proxy.refuseWith = 407
      },
      /^the proxy \S+ wants another login \(status 407\)$/,
    ],
    'a proxy that is away': [
      () => {
        env.HTTPS_PROXY = `http://robot:${password}@127.0.0.1:1`
      },
      /^the proxy 127\.0\.0\.1:1: nobody listens there \(connection refused\)$/,
    ],
    'a proxy that does not exist': [
      () => {
        env.HTTPS_PROXY = `http://robot:${password}@proxy.invalid:3128`
      },
      /^the proxy proxy\.invalid:3128: (there is no such host|the name server does not answer)$/,
    ],
    'a variable that names none': [
      () => {
        env.HTTPS_PROXY = `socks5://robot:${password}@127.0.0.1:1`
      },
      /^HTTPS_PROXY names no proxy that can be used: expected http:\/\/host:port$/,
    ],
  }
  for (const [what, [prepare, message]] of Object.entries(failures))
    it(`${what} is named without its password, and the server is not blamed`, async () => {
      prepare()
      for (const way of ['get', 'webhook']) {
        const asked = await askTheWeb(env, way, url)
        assert.ok(!JSON.stringify(asked).includes(password))
        if (way === 'get') {
          assert.equal(asked.kind, 'proxy')
          assert.match(asked.message ?? '', message)
        } else
          assert.match(
            (asked.answer as { why: string }).why,
            /^Slack could not be reached: .*(the proxy|HTTPS_PROXY)/,
          )
      }
    })
})
