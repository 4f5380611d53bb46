import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { postJson } from '../../../../services/notifier/channels/post-json.ts'
import { readRetryAfter } from '../../../../shared/https/retry-after.ts'
import { type HttpAnswer, secretPath, startHttpServer } from './http-server.ts'
import { freePort } from './mail-server.ts'

const options = { name: 'Slack', patienceMs: 60_000 }

describe('a post to a webhook', () => {
  const table: Record<string, [HttpAnswer, object]> = {
    'is done with 200': [{ status: 200 }, { end: 'delivered' }],
    'is given up when it is not understood (400), with Slack’s word for it': [
      { status: 400, body: 'invalid_blocks' },
      { end: 'refused', why: 'Slack answered with status 400 (invalid_blocks).' },
    ],
    'is given up when the hook is refused (403)': [
      { status: 403 },
      { end: 'refused', why: 'Slack answered with status 403.' },
    ],
    'is given up when the hook is gone (404), whose page may quote its address': [
      { status: 404, body: `no ${secretPath}`.repeat(10_000) },
      { end: 'refused', why: 'Slack answered with status 404.' },
    ],
    'is given up when the channel is archived (410)': [
      { status: 410, body: 'channel_is_archived' },
      { end: 'refused', why: 'Slack answered with status 410 (channel_is_archived).' },
    ],
    'waits as long as Slack wants (429)': [
      { status: 429, headers: { 'Retry-After': '30' } },
      { end: 'later', why: 'Slack answered with status 429.', trouble: 'server', afterMs: 30_000 },
    ],
    'is tried again when Slack failed (500)': [
      { status: 500 },
      { end: 'later', why: 'Slack answered with status 500.', trouble: 'server' },
    ],
    'is tried again rather than led elsewhere (302)': [
      { status: 302, headers: { Location: '/elsewhere' } },
      { end: 'later', why: 'Slack answered with status 302.', trouble: 'server' },
    ],
    'is tried again when the connection breaks': [
      'cut',
      { end: 'later', why: 'Slack could not be reached (ECONNRESET).', trouble: 'server' },
    ],
  }
  for (const [what, [answer, expected]] of Object.entries(table))
    it(what, async () => {
      await using server = await startHttpServer(answer)
      assert.deepEqual(await postJson(server.url, { text: 'a "text"\n' }, options), expected)
      assert.deepEqual(
        server.posts.map(({ type, body }) => [type, body]),
        [['application/json', '{"text":"a \\"text\\"\\n"}']],
      )
    })
  it('is tried again when there is no answer in time', async () => {
    await using server = await startHttpServer('hang')
    assert.deepEqual(await postJson(server.url, {}, { ...options, patienceMs: 100 }), {
      ...{ end: 'later', why: 'Slack did not answer within 0.1 s.', trouble: 'server' },
    })
  })
  it('logs in with the user and password of the address', async () => {
    await using server = await startHttpServer()
    const url = server.url.replace('http://', 'http://an%40operator:a%3Aword@')
    assert.deepEqual(await postJson(url, {}, options), { end: 'delivered' })
    await postJson(server.url.replace('http://', 'http://u:50%off@'), {}, options)
    await postJson(server.url, {}, options)
    const basic = (words: string) => `Basic ${Buffer.from(words).toString('base64')}`
    assert.deepEqual(
      server.posts.map(({ login }) => login),
      [basic('an@operator:a:word'), basic('u:50%off'), undefined],
    )
  })
  it('never says the hook’s address', async () => {
    for (const url of [
      `http://127.0.0.1:${await freePort()}${secretPath}`,
      `http://127.0.0.1:25${secretPath}`,
    ]) {
      const outcome = await postJson(url, {}, options)
      assert.match(
        JSON.stringify(outcome),
        /^\{"end":"later","why":"Slack could not be reached[^/]*","trouble":"server"\}$/,
      )
    }
  })
  it('ends at once when the notifier stops', async () => {
    await using server = await startHttpServer('hang')
    const stop = new AbortController()
    const posted = postJson(server.url, {}, { ...options, signal: stop.signal })
    stop.abort(new Error('stopping'))
    await assert.rejects(posted, /stopping/)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2031-01-01T06:00:00Z')
  const table: [string | null, number | undefined][] = [
    ['120', 120_000],
    [' 1 ', 1_000],
    ['604800', 3_600_000],
    ['Wed, 01 Jan 2031 06:01:30 GMT', 90_000],
    ['Wed, 01 Jan 2031 05:59:00 GMT', undefined],
    ['0', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
    [null, undefined],
  ]
  for (const [header, ms] of table)
    it(`${JSON.stringify(header)} is ${ms === undefined ? 'no wish' : `${ms} ms`}`, () =>
      assert.equal(readRetryAfter(header, now), ms))
})
