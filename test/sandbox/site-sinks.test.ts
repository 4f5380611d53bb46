import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createTransport } from 'nodemailer'
import { startMailSink } from '../../sandbox/mail-sink.ts'
import { startOtlpSink } from '../../sandbox/otlp-sink.ts'
import { startSlackSink } from '../../sandbox/slack-sink.ts'
import { makeUntrustedTls } from '../../sandbox/vault/untrusted-tls.ts'
import { makeTemporaryDirectory } from './site-support.ts'

const dir = makeTemporaryDirectory()
mkdirSync(join(dir, 'vault'))
after(() => rmSync(dir, { recursive: true }))

const post = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })

it('every mail becomes a file that also says whom it was really for', async () => {
  const directory = join(dir, 'mail')
  await using sink = await startMailSink({ directory, dir, tls: makeUntrustedTls(dir) })
  const transport = createTransport({ host: '127.0.0.1', port: sink.port, ignoreTLS: true })
  for (const subject of ['first', 'second'])
    await transport.sendMail({
      from: 'a@sandbox.test',
      to: 'b@sandbox.test',
      bcc: 'c@sandbox.test',
      subject,
      text: 'hello',
    })
  transport.close()
  assert.deepEqual(readdirSync(directory).sort(), ['1.eml', '2.eml'])
  const mail = readFileSync(join(directory, '2.eml'), 'utf8')
  assert.match(mail, /^X-Envelope-To: b@sandbox\.test, c@sandbox\.test\r\n/)
  assert.match(mail, /^Subject: second\r$/m)
})

it('Slack takes good posts and refuses the others with its own words', async () => {
  const directory = join(dir, 'slack')
  await using sink = await startSlackSink({ directory, dir })
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } })
  const posts: [string, unknown, number, string][] = [
    [sink.url, { text: 'all is well' }, 200, 'ok'],
    [sink.url, { blocks: [section('all is well')] }, 200, 'ok'],
    [sink.url, {}, 400, 'no_text'],
    [sink.url, { text: 'x'.repeat(40_001) }, 400, 'msg_too_long'],
    [sink.url, { text: 'a', blocks: [section('x'.repeat(3001))] }, 400, 'invalid_blocks'],
    [sink.url, { text: 'a', blocks: Array(5).fill(section('x'.repeat(2900))) }, 400, 'msg_blocks_too_long'],
    [sink.url, { text: 'a', blocks: Array(51).fill(section('x')) }, 400, 'invalid_blocks'],
    [`${sink.url}x`, { text: 'a' }, 403, 'invalid_token'],
  ]
  for (const [url, body, status, words] of posts) {
    const response = await post(url, JSON.stringify(body))
    assert.equal(response.status, status)
    assert.equal(await response.text(), words)
  }
  assert.equal(await (await post(sink.url, '{"text": "a')).text(), 'invalid_payload')
  assert.deepEqual(readdirSync(directory).sort(), ['1.json', '2.json'])
  assert.equal(readFileSync(join(directory, '1.json'), 'utf8'), '{"text":"all is well"}')
})

it('traces are kept as they came, plain or compressed, and only as JSON', async () => {
  const directory = join(dir, 'traces')
  await using sink = await startOtlpSink(directory)
  const url = `http://127.0.0.1:${sink.port}/v1/traces`
  const body = JSON.stringify({ resourceSpans: [] })
  assert.equal((await post(url, body)).status, 200)
  assert.equal((await post(url, Uint8Array.from(gzipSync(body)), { 'content-encoding': 'gzip' })).status, 200)
  assert.equal((await post(url, body, { 'content-type': 'application/x-protobuf' })).status, 415)
  assert.equal((await post(url, '{')).status, 400)
  assert.equal((await post(`http://127.0.0.1:${sink.port}/`, body)).status, 404)
  assert.equal((await fetch(url)).status, 405)
  assert.deepEqual(readdirSync(directory).sort(), ['1.json', '2.json'])
  for (const name of ['1.json', '2.json']) assert.equal(readFileSync(join(directory, name), 'utf8'), body)
})
