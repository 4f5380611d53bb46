/** What is asked of the status page: the first line is a method and an address, then headers, a line each. */
import assert from 'node:assert/strict'
import { runIds, siteOf } from '../../services/build.ts'
import { allFresh, factsOf } from '../../services/notifier/page/known.ts'
import { runOf, serve } from '../../services/notifier/page/served.ts'
import type { FuzzTarget } from '../target.ts'

const words = [
  ...[
    'GET /',
    'HEAD /',
    'POST /',
    '?q=',
    '&state=',
    'failing',
    '/experiments/',
    'dune',
    '/use',
    '/runs/',
    runIds[0],
    '/api/',
    'services',
  ],
  ...[
    '/badge/',
    '.svg',
    '%2e%2e',
    '%ff',
    '//',
    '\naccept-encoding: br',
    '\nif-none-match: ',
    '\nhost: evil.example',
    '\naccept: text/html',
  ],
]

/** Every question has an answer that is no failure of ours, and nothing of it becomes a part of a page. */
export const page: FuzzTarget = {
  ...{ name: 'status-page', words, longest: 64 * 1024, cases: 50 },
  async open() {
    const site = siteOf('notifier: { statusPage: { port: 0 } }')
    const app = await serve({ site, facts: factsOf(allFresh), runs: [runOf(runIds[0])] })
    return {
      async read(text) {
        const [asked = '', ...lines] = text.split('\n')
        const [, method = 'GET', url = '/'] =
          /^(GET|HEAD|POST|PUT|DELETE|OPTIONS) (\/[^\s#]*)/.exec(asked) ?? []
        // A stream has no end.
        if (/^\/+live\//.test(url) || /^\/+live(\?|$)/.test(url)) return
        const headers = Object.fromEntries(
          lines.flatMap((line) => (/^[a-z-]+: [\x20-\x7e\t]*$/.test(line) ? [line.split(': ', 2)] : [])),
        )
        const {
          statusCode,
          headers: answered,
          body,
        } = await app.inject({ method: method as 'GET', url, headers })
        assert.ok(statusCode < 500, `${statusCode} to ${method} ${url.slice(0, 200)}`)
        assert.match(String(answered['content-security-policy']), /^default-src 'none'/)
        assert.doesNotMatch(body, /<script(?! src="[^"]*live\.js)|node_modules|\bat .*\.ts:\d/)
        assert.ok(statusCode === 200 || body.length < 20_000)
      },
      [Symbol.asyncDispose]: () => app.close(),
    }
  },
}
