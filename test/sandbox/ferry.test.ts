import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { writeFaults } from '../../sandbox/faults.ts'
import { type Ferry, startFerry } from '../../sandbox/ferry.ts'

describe('the FERRY stand-in', () => {
  let dir: string
  let ca: string
  let open: Ferry
  let closed: Ferry
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ferry-'))
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
    const words = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=localhost',
    ]
    execFileSync(
      'openssl',
      [...words, '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
      { stdio: 'ignore' },
    )
    ca = readFileSync(cert, 'utf8')
    const users = [
      { username: 'novaana', uid: 46301 },
      { username: 'gone', uid: 46302, banned: true, status: false, expirationdate: '2020-01-01T00:00:00Z' },
    ]
    const tls = { key: readFileSync(key, 'utf8'), cert: ca, ca }
    open = await startFerry({ dir, tls, users })
    closed = await startFerry({ dir, tls, users, requireAuth: true })
  })
  after(async () => {
    await Promise.all([open.close(), closed.close()])
    rmSync(dir, { recursive: true })
  })
  afterEach(() => writeFaults(dir, {}))

  function ask(url: string, more: { headers?: Record<string, string>; key?: string; cert?: string } = {}) {
    const { promise, resolve, reject } = Promise.withResolvers<{
      status: number | undefined
      body: Record<string, unknown>
    }>()
    get(url, { ca, agent: false, ...more }, async (response) => {
      resolve({ status: response.statusCode, body: JSON.parse((await response.toArray()).join('')) })
    }).once('error', reject)
    return promise
  }

  it('tells the UID of an account', async () => {
    const { status, body } = await ask(`${open.url}/getUserInfo?username=novaana`)
    assert.equal(status, 200)
    assert.equal(body.ferry_status, 'success')
    const output = body.ferry_output as Record<string, unknown>
    assert.equal(output.uid, 46301)
    assert.equal(output.banned, false)
    assert.equal(output.status, true)
  })

  it('tells that an account is banned and expired', async () => {
    const { body } = await ask(`${open.url}/getUserInfo?uid=46302`)
    const output = body.ferry_output as Record<string, unknown>
    assert.equal(output.banned, true)
    assert.equal(output.expirationdate, '2020-01-01T00:00:00Z')
  })

  it('answers a failure with HTTP 200 and the reason', async () => {
    assert.deepEqual(await ask(`${open.url}/getUserInfo?username=nobody`), {
      status: 200,
      body: { ferry_status: 'failure', ferry_error: ['user does not exist'], ferry_output: {} },
    })
  })

  it('wants a client certificate or a bearer token where that is required', async () => {
    const url = `${closed.url}/getUserInfo?username=novaana`
    assert.equal((await ask(url)).status, 401)
    assert.equal((await ask(url, { headers: { Authorization: 'Bearer a.b.c' } })).status, 200)
    assert.equal((await ask(url, { cert: ca, key: readFileSync(join(dir, 'key.pem'), 'utf8') })).status, 200)
  })

  it('resets connections while it is down', async () => {
    writeFaults(dir, { 'ferry-down': true })
    await assert.rejects(ask(`${open.url}/getUserInfo?username=novaana`), { code: 'ECONNRESET' })
  })
})
