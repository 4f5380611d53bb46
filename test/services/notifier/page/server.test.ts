/** What the page's server answers: to people, to programs, and to those who mean no good. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { LedgerRow } from '../../../../services/notifier/ledger/ledger.ts'
import { experimentAnswer, runAnswer, servicesAnswer } from '../../../../services/notifier/page/api.ts'
import type { ReasonCode } from '../../../../shared/contracts/reasons.ts'
import type { z } from '../../../../shared/contracts/zod.ts'
import { at, runIds, siteOf } from '../../build.ts'
import { allFresh, factsOf, failedWith, keys } from './known.ts'
import { runOf, serve } from './served.ts'

const [run] = runIds
const statusPage = (more = '') => `notifier: { statusPage: { port: 0${more} } }`
const rowOf = (entry: string, message = 'It broke.'): LedgerRow => ({
  ...{ run, entry, service: entry, refresh: { state: 'done', at: at(0), expiry: at(900) } },
  targets: [
    { kind: 'node', name: 'node1.lab.example', state: 'done', at: at(1) },
    {
      ...{ kind: 'credd', name: 'credd1', state: 'failed', at: at(1) },
      ...{ code: 'credd-unreachable', message, action: 'Check the credd.' },
    },
  ],
})
const rows = [rowOf('dune_production'), rowOf('nova_production')]
const served = () => serve({ site: siteOf(statusPage()), facts: factsOf(allFresh), runs: [runOf(run)], rows })

const paths = [
  ...['/', '/?state=failing&q=x', '/experiments/dune', '/experiments/dune/use', `/runs/${run}`, '/nothing'],
  ...[
    '/%',
    '/api/%ff',
    '/style.css',
    '/live.js',
    '/icon.svg',
    '/robots.txt',
    '/badge/dune.svg',
    '/badge/nobody.svg',
  ],
  ...['/api/services', '/api/experiments/dune', `/api/runs/${run}`, '/api/openapi.json', '/api/nothing'],
]

describe('the server of the status page', () => {
  for (const path of paths)
    it(`lets a browser do nothing but show ${path}`, async () => {
      const app = await served()
      const { headers } = await app.inject(path)
      assert.match(String(headers['content-security-policy']), /^default-src 'none'; /)
      assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*|https?:|data:/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      assert.match(String(headers['x-robots-tag']), /noindex/)
    })

  it('takes nothing: only questions are answered', async () => {
    const app = await served()
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)
      for (const url of ['/', '/api/services']) {
        const { statusCode, body } = await app.inject({ method, url, payload: { a: 1 } })
        assert.ok(statusCode >= 400 && statusCode < 500, `${method} ${url}: ${statusCode}`)
        assert.doesNotMatch(body, /at .*\.ts|node_modules/)
      }
  })

  it('sends text compressed to who can read it', async () => {
    const app = await served()
    const plain = (await app.inject('/experiments/dune/use')).body
    for (const [name, unpack] of [
      ['br', brotliDecompressSync],
      ['gzip', gunzipSync],
    ] as const) {
      const headers = { 'accept-encoding': `deflate, ${name}` }
      const answer = await app.inject({ url: '/style.css', headers })
      assert.equal(answer.headers['content-encoding'], name)
      assert.match(unpack(answer.rawPayload).toString(), /color-scheme/)
    }
    assert.match(plain, /vt_u61234/)
  })

  it('loads nothing from elsewhere, and every address has the path of the proxy before it', async () => {
    const app = await serve({
      site: siteOf(statusPage(', basePath: /tokens/, links: { help: "mailto:help@lab.example" }')),
      facts: factsOf({ ...allFresh, [keys.node1]: failedWith('disk-full') }),
      ...{ runs: [runOf(run)], rows },
    })
    for (const path of ['', '/experiments/dune', '/experiments/dune/use', `/runs/${run}`]) {
      const { statusCode, body } = await app.inject(`/tokens${path}`)
      assert.equal(statusCode, 200, path)
      const addresses = [...body.matchAll(/ (?:href|src|action|data-live)="([^"]*)"/g)].map(
        ([, to]) => to ?? '',
      )
      assert.ok(addresses.length > 5)
      const elsewhere = addresses.filter((to) => !/^(\/tokens\/|#main$|mailto:help@lab\.example$|$)/.test(to))
      assert.deepEqual(elsewhere, [], path)
    }
    assert.equal((await app.inject('/')).statusCode, 404)
  })

  it('says how old what it shows is while the bus is away', async () => {
    const away = Date.parse(at(7))
    const app = await serve({ site: siteOf(statusPage()), facts: factsOf(allFresh), away })
    assert.match((await app.inject('/')).body, /Not connected since 2031-01-01 06:07:00 UTC/)
    assert.equal((await app.inject('/api/services')).json().asOf, at(7))
  })

  it('links a run to its trace, where that is a web page', async () => {
    const traced = runOf(run, { traceId: '00ff' })
    const linkIn = async (link: string) => {
      const site = siteOf(statusPage(`, links: { trace: "${link}" }`))
      const app = await serve({ site, facts: factsOf({}), runs: [traced], rows })
      return /<a href="([^"]*)" rel="noreferrer">/.exec((await app.inject(`/runs/${run}`)).body)?.[1]
    }
    assert.equal(await linkIn('https://t.example/{{.TraceID}}?a&b'), 'https://t.example/00ff?a&amp;b')
    assert.equal(await linkIn('javascript:alert(1)//{{.TraceID}}'), undefined)
  })
})

describe('the JSON', () => {
  const answers: Record<string, [string, z.ZodType]> = {
    'of all services is what the request on the bus answers': ['/api/services', servicesAnswer],
    'of an experiment has every place': ['/api/experiments/dune', experimentAnswer],
    'of a run is what the request on the bus answers': [`/api/runs/${run}`, runAnswer],
  }
  for (const [name, [path, schema]] of Object.entries(answers))
    it(`${name}, and keeps to its schema`, async () => {
      const answer = (await (await served()).inject(path)).json()
      // Nothing more than the schema says: what is not described is not promised.
      assert.deepEqual(schema.parse(answer), answer)
    })

  it('is described as OpenAPI, each with its schema', async () => {
    const { openapi, paths: described } = (await (await served()).inject('/api/openapi.json')).json()
    assert.match(openapi, /^3\./)
    assert.deepEqual(Object.keys(described).sort(), [
      ...['/api/experiments/{name}', '/api/runs/{id}', '/api/services', '/badge/{name}.svg'],
    ])
    for (const path of ['/api/services', '/api/experiments/{name}', '/api/runs/{id}']) {
      const { schema } = described[path].get.responses['200'].content['application/json']
      assert.equal(schema.type, 'object', path)
    }
  })

  it('says what is not there, and no more', async () => {
    for (const path of ['/api/experiments/none', '/api/runs/none', '/api/none']) {
      const answer = await (await served()).inject(path)
      assert.equal(answer.statusCode, 404)
      assert.deepEqual(Object.keys(answer.json().error), ['code', 'message'])
    }
  })
})

describe('hostile texts', () => {
  const hostile = `"'><img src=x onerror=alert(1)></script><script>alert(2)</script>&amp;{{ site }}{% raw %}\u202e`
  const code = hostile as ReasonCode

  it('are shown as they are on every page, and are never part of it', async () => {
    const site = siteOf(statusPage(', title: "<b onclick=alert(1)>"'))
    const failed = failedWith('disk-full', hostile)
    const failure = { ...(failed.ended as { failure: object }).failure, code, action: hostile }
    const app = await serve({
      site: { ...site, devEnvironmentLabel: hostile.replace('\u202e', '') },
      facts: factsOf(
        { ...allFresh, [keys.node1]: { ...failed, ended: { ...failed.ended, failure } as never } },
        { credds: () => [hostile.replace('\u202e', '')] },
      ),
      runs: [runOf(run)],
      rows: rows.map((row) => ({
        ...{ ...row, service: hostile, refresh: { ...row.refresh, state: 'failed', code, message: hostile } },
        targets: row.targets.map((target) => ({
          ...target,
          name: hostile,
          code,
          message: hostile,
          action: hostile,
        })),
      })),
    })
    const asked = encodeURIComponent(hostile)
    for (const path of [
      ...['/', `/?q=${asked}`, `/?state=${asked}`, '/experiments/dune', '/experiments/dune/use'],
      ...[`/runs/${run}`, `/experiments/${asked}`, `/runs/${asked}`, `/badge/${asked}.svg`, `/${asked}`],
    ]) {
      const { body, headers } = await app.inject(path)
      assert.doesNotMatch(body, /<img|<script>|<b onclick|onerror=alert\(1\)>|\u202e/, path)
      const scripts = body.match(/<script/g) ?? []
      assert.ok(scripts.length <= 1, path)
      assert.match(String(headers['content-type']), /^(text\/html|image\/svg\+xml)/)
    }
    assert.match((await app.inject('/experiments/dune')).body, /&lt;img src=x onerror=alert\(1\)&gt;/)
  })

  it('stay texts in JSON', async () => {
    const facts = factsOf({ ...allFresh, [keys.node1]: failedWith('disk-full', hostile) })
    const app = await serve({ site: siteOf(statusPage()), facts })
    const { headers, body } = await app.inject('/api/experiments/dune')
    assert.match(String(headers['content-type']), /^application\/json/)
    assert.ok(body.includes(JSON.stringify(hostile.replace('\u202e', ''))))
  })
})
