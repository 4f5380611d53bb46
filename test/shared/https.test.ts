import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { layoutOf } from '../../sandbox/layout.ts'
import { makeTls } from '../../sandbox/tls.ts'
import { getText } from '../../shared/https.ts'

const layout = layoutOf(mkdtempSync(join(tmpdir(), 'mt-https-')))
const connections: TLSSocket[] = []
let answerWith: (asked: number) => number | 'hang up' = () => 200
let asked = 0
let server: Server

const ask = () =>
  getText(new URL(`https://localhost:${(server.address() as AddressInfo).port}/`), {
    caPath: layout.certificates,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
  })

describe('asking over HTTPS', () => {
  before(async () => {
    mkdirSync(layout.vault)
    server = createServer(await makeTls(layout), (request, response) => {
      const answer = answerWith(++asked)
      if (answer === 'hang up') request.socket.destroy()
      else response.writeHead(answer).end(`answer ${asked}`)
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
    await assert.rejects(ask(), /status 503/)
  })
})
