import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { layoutOf } from '../../../sandbox/layout.ts'
import { makeTls } from '../../../sandbox/tls.ts'
import { HttpError } from '../../../shared/https/http-error.ts'
import { getText } from '../../../shared/https/request.ts'

const layout = layoutOf(mkdtempSync(join(tmpdir(), 'mt-https-')))
const connections: TLSSocket[] = []
let answerWith: (asked: number) => number | 'hang up' | 'silence' = () => 200
let asked = 0
let server: Server

const ask = ({ port = (server.address() as AddressInfo).port, timeoutMs = 10_000 } = {}) =>
  getText(new URL(`https://localhost:${port}/`), {
    caPath: layout.certificates,
    timeoutMs,
    signal: new AbortController().signal,
  })

describe('asking over HTTPS', () => {
  before(async () => {
    mkdirSync(layout.vault)
    server = createServer(await makeTls(layout), (request, response) => {
      const answer = answerWith(++asked)
      if (answer === 'hang up') request.socket.destroy()
      else if (answer !== 'silence') response.writeHead(answer, { 'Retry-After': '7' }).end(`answer ${asked}`)
    })
    server.on('secureConnection', (socket: TLSSocket) => connections.push(socket))
    server.listen(0, 'localhost')
    await once(server, 'listening')
  })
  beforeEach(() => {
    for (const socket of connections.splice(0)) socket.destroy()
    asked = 0
    answerWith = () => 200
  })
  after(() => {
    server?.closeAllConnections()
    server?.close()
    rmSync(layout.dir, { recursive: true })
  })

  it('takes one connection for questions that follow each other', async () => {
    for (const n of [1, 2, 3]) assert.equal(await ask(), `answer ${n}`)
    assert.equal(connections.length, 1)
  })

  it('asks once more when the connection was closed between two questions', async () => {
    await ask()
    answerWith = (count) => (count === 2 ? 'hang up' : 200)
    assert.equal(await ask(), 'answer 3')
    assert.equal(connections.length, 2)
  })

  it('fails when a new connection is closed instead of answered', async () => {
    answerWith = () => 'hang up'
    await assert.rejects(ask(), { code: 'ECONNRESET' })
    assert.equal(asked, 1)
  })

  it('fails with the status of any answer but 200', async () => {
    answerWith = () => 503
    await assert.rejects(ask(), { kind: 'status', status: 503, message: /status 503$/ })
  })

  it('keeps what the server said with its status where no logger writes it', async () => {
    answerWith = () => 429
    const error = await ask().catch((thrown: unknown) => thrown)
    assert.ok(error instanceof HttpError)
    assert.equal(error.body, 'answer 1')
    assert.equal(error.retryAfterMs, 7_000)
    assert.doesNotMatch(inspect(error, { showHidden: true, getters: false }), /answer 1/)
    assert.doesNotMatch(JSON.stringify({ ...error }), /answer 1/)
  })

  it('fails as too slow where no answer comes in time', async () => {
    answerWith = () => 'silence'
    await assert.rejects(ask({ timeoutMs: 100 }), {
      kind: 'timeout',
      message: /^localhost:\d+ did not answer within 0.1 s$/,
    })
  })

  it('fails with a word of the network where nobody listens', async () => {
    const nobody = { kind: 'network', code: 'ECONNREFUSED', message: /^localhost:1: nobody listens there/ }
    await assert.rejects(ask({ port: 1 }), nobody)
  })
})
