/** Those who look on: each hears what it came for, one that does not keep up is let go, and the others notice nothing. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { openStreams, type Streams } from '../../../../services/notifier/page/streams.ts'
import { eventually } from '../../../support/latch.ts'

describe('streams', () => {
  let streams: Streams
  const server = createServer((asked, answer) => {
    if (!streams.open(asked.url ?? '', answer)) answer.writeHead(503).end()
  })
  before(async () => {
    streams = openStreams()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => {
    streams[Symbol.dispose]()
    server.closeAllConnections()
    server.close()
  })

  async function come(topic: string): Promise<IncomingMessage> {
    const { port } = server.address() as AddressInfo
    const [answer] = (await once(
      get({ port, host: '127.0.0.1', path: topic, agent: false }),
      'response',
    )) as [IncomingMessage]
    answer.setEncoding('utf8')
    answer.on('error', () => undefined)
    return answer
  }
  /** Reads on, until it has this in it. */
  function reading(answer: IncomingMessage) {
    let text = ''
    answer.on('data', (chunk: string) => {
      text += chunk
    })
    return { until: (what: string) => eventually(async () => text.includes(what), what), text: () => text }
  }

  it('say hello, and what is sent to their topic', async () => {
    const [one, other] = [reading(await come('/one')), reading(await come('/other'))]
    streams.send('/one', 'part', '<li id="a">\nsecond line\r\nevent: forged</li>')
    streams.sendAll('again')
    await one.until('event: again')
    await other.until('event: again')
    assert.equal(
      one.text(),
      'event: hello\ndata: \n\nevent: part\ndata: <li id="a">\ndata: second line\ndata: event: forged</li>\n\nevent: again\ndata: \n\n',
    )
    assert.ok(!other.text().includes('part'))
  })

  it('end for one who does not read, while the others hear everything', async () => {
    const slow = await come('/list')
    slow.pause()
    const quick = reading(await come('/list'))
    const gone = new Promise((resolve) => slow.once('close', resolve))
    const part = 'x'.repeat(512 * 1024)
    const before = streams.count()
    let sent = 0
    await eventually(async () => {
      streams.send('/list', 'part', `${part}${sent}`)
      await quick.until(`x${sent}\n`)
      sent += 1
      return streams.count() === before - 1
    }, 'the slow one is let go')
    slow.resume()
    await gone
    streams.send('/list', 'part', 'the last')
    await quick.until('the last')
    for (let number = 0; number < sent; number += 1) assert.ok(quick.text().includes(`x${number}\n`))
  })

  it('are bounded in number', async () => {
    const before = streams.count()
    const { port } = server.address() as AddressInfo
    const many = Array.from({ length: 1_000 - before }, () => come('/many'))
    const open = await Promise.all(many)
    const refused = await come('/many')
    assert.equal(refused.statusCode, 503)
    assert.equal(streams.count(), 1_000)
    for (const answer of [...open, refused]) answer.destroy()
    await eventually(async () => streams.count() === before, `all of ${port} are gone`)
  })
})
