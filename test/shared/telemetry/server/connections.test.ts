/** Whoever opens connections to the metrics and says nothing keeps nobody from asking how a daemon is. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const main = join(import.meta.dirname, '../../../support/telemetry-server.ts')

/** With far fewer files than connections, as any process has. */
async function startServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const child = spawn('/bin/sh', ['-c', 'ulimit -n 256; exec "$@"', 'sh', process.execPath, main], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

const openings: Readonly<Record<string, string>> = {
  'say nothing': '',
  'begin a question and never end it': 'GET /metrics HTTP/1.1\r\nHost: x\r\nX: ',
  'have asked once and stay': 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
}

describe('/healthz', () => {
  for (const [what, bytes] of Object.entries(openings))
    it(`answers while two thousand connections ${what}`, async () => {
      await using server = await startServer()
      const sockets: Socket[] = []
      try {
        for (let count = 0; count < 2_000; count += 1) {
          const socket = connect(server.port, '127.0.0.1').on('error', () => {})
          sockets.push(socket)
          if (count % 100 === 99) await once(socket, 'connect')
          socket.write(bytes)
        }
        const answer = await fetch(`http://127.0.0.1:${server.port}/healthz`, {
          signal: AbortSignal.timeout(60_000),
        })
        assert.equal(answer.status, 200)
      } finally {
        for (const socket of sockets) socket.destroy()
      }
    })
})
