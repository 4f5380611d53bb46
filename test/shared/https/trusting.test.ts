/** What a process trusts whose environment has no NODE_EXTRA_CA_CERTS: asked as the daemons ask, of servers with authorities of their own. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  freePort,
  type Listening,
  listen,
  startMailServer,
} from '../../services/notifier/channels/mail-server.ts'
import { askTheWeb } from '../../support/asking.ts'
import { hashLinkOf, makeAuthority, makeServerCertificate } from '../../support/certificates.ts'

describe('without NODE_EXTRA_CA_CERTS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mt-trusting-'))
  const grid = join(directory, 'grid')
  const stack = new AsyncDisposableStack()
  let system: string
  let ofSystem: { key: string; cert: string }
  let [bySystem, byGrid]: (Listening & { url: string })[] = []

  const serve = async (tls: { key: string; cert: string }) => {
    const server = stack.use(await listen(createServer(tls, (_, response) => response.end('here'))))
    return { ...server, url: `https://localhost:${server.port}/` }
  }

  before(async () => {
    system = makeAuthority(directory, 'system')
    const ofGrid = makeAuthority(directory, 'of-grid')
    mkdirSync(grid)
    copyFileSync(ofGrid, join(grid, hashLinkOf(ofGrid)))
    ofSystem = makeServerCertificate(system, 'DNS:localhost,IP:127.0.0.1')
    bySystem = await serve(ofSystem)
    byGrid = await serve(makeServerCertificate(ofGrid, 'DNS:localhost'))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true })
  })

  const here = { answer: 'here', warnings: [] }

  it('the system’s bundle is trusted', async () =>
    assert.deepEqual(await askTheWeb({ SSL_CERT_FILE: system }, 'get', bySystem?.url ?? ''), here))

  it('the grid’s directory is trusted', async () =>
    assert.deepEqual(await askTheWeb({ X509_CERT_DIR: grid }, 'get', byGrid?.url ?? ''), here))

  it('both are trusted together, also where the directory is configured', async () => {
    for (const server of [bySystem, byGrid])
      assert.deepEqual(await askTheWeb({ SSL_CERT_FILE: system }, 'get', server?.url ?? '', grid), here)
  })

  it('nobody else is, and the failure is one of trust, not of the network', async () => {
    const { kind, code, message } = await askTheWeb({ X509_CERT_DIR: grid }, 'get', bySystem?.url ?? '')
    assert.equal(kind, 'tls')
    assert.match(code ?? '', /UNABLE_TO_/)
    assert.match(message ?? '', /^localhost:\d+: unable to /)
  })

  it('one bad file in the directory is told, and hinders nobody', async () => {
    const spoilt = join(directory, 'spoilt')
    mkdirSync(spoilt)
    copyFileSync(system, join(spoilt, hashLinkOf(system)))
    writeFileSync(join(spoilt, 'spoilt.pem'), 'no certificate')
    const { answer, warnings } = await askTheWeb({}, 'get', bySystem?.url ?? '', spoilt)
    assert.equal(answer, 'here')
    assert.deepEqual(warnings, [`${join(spoilt, 'spoilt.pem')} holds no certificate in PEM form`])
  })

  it('hooks and the ends of telemetry are trusted likewise', async () => {
    for (const [what, well, badly] of [
      ['webhook', { end: 'delivered' }, /Slack has a certificate that is not to be trusted/],
      ['push', 'taken', /later/],
    ] as const) {
      const { answer } = await askTheWeb({ SSL_CERT_FILE: system }, what, bySystem?.url ?? '')
      assert.deepEqual(answer, well)
      const stranger = await askTheWeb({ SSL_CERT_FILE: system }, what, byGrid?.url ?? '')
      assert.match(JSON.stringify(stranger.answer), badly)
    }
  })

  it('a mail server is trusted likewise', async () => {
    await using server = await startMailServer({}, { ...ofSystem, disabledCommands: ['AUTH'] })
    const url = `smtp://127.0.0.1:${server.port}`
    assert.deepEqual((await askTheWeb({ SSL_CERT_FILE: system }, 'mail', url)).answer, { end: 'delivered' })
    assert.match(
      JSON.stringify((await askTheWeb({ X509_CERT_DIR: grid }, 'mail', url)).answer),
      /a certificate that is not to be trusted/,
    )
  })

  describe('a NATS server whose URL says tls', () => {
    const seed = join(directory, 'operator.nk')
    const start = async (withTls: boolean) => {
      const port = await freePort()
      const [key, cert] = [join(directory, 'nats.key'), join(directory, 'nats.pem')]
      writeFileSync(key, ofSystem.key)
      writeFileSync(cert, ofSystem.cert)
      const config = join(directory, 'nats.conf')
      const tls = withTls ? `tls { cert_file: "${cert}", key_file: "${key}" }` : ''
      writeFileSync(config, `listen: "127.0.0.1:${port}"\n${tls}\n`)
      const server = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
      for await (const line of server.stderr) if (/Server is ready/.test(`${line}`)) break
      return {
        url: `tls://localhost:${port}`,
        async [Symbol.asyncDispose]() {
          if (server.kill()) await once(server, 'exit')
        },
      }
    }
    before(() => writeFileSync(seed, execFileSync('node', ['-e', makeSeed], { encoding: 'utf8' })))
    const makeSeed =
      "process.stdout.write(new TextDecoder().decode(require('@nats-io/nkeys').createUser().getSeed()))"

    it('is trusted likewise, without nats.caFile', async () => {
      await using nats = await start(true)
      assert.equal((await askTheWeb({ SSL_CERT_FILE: system }, 'bus', nats.url, seed)).answer, true)
      const stranger = await askTheWeb({ X509_CERT_DIR: grid }, 'bus', nats.url, seed)
      assert.match(stranger.message ?? '', /certificate/)
    })

    it('is not spoken to in plain text', async () => {
      await using nats = await start(false)
      const { answer, message } = await askTheWeb({ SSL_CERT_FILE: system }, 'bus', nats.url, seed)
      assert.equal(answer, undefined)
      assert.match(message ?? '', /tls/)
    })
  })
})
