/** The web server of the status page: reads and shows, and takes nothing. */
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { cleanLine } from '../../../shared/contracts/one-sentence.ts'
import { isRunId } from '../../../shared/contracts/run-id.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { version } from '../../../shared/release/version.ts'
import type { LedgerRun } from '../ledger/ledger.ts'
import { type Kept, securityHeaders, send } from './answer.ts'
import { type Api, errorAnswer, experimentAnswer, runAnswer, servicesAnswer } from './api.ts'
import { assets } from './html/render.ts'
import { topics } from './live.ts'
import type { Pages } from './pages.ts'
import type { Streams } from './streams.ts'
import type { Filter } from './view/fleet.ts'
import { states } from './view/place.ts'

export interface ServerDeps {
  readonly base: string
  readonly title: string
  readonly pages: Pages
  readonly api: Api
  readonly streams: Streams
  readonly readRun: (id: string) => Promise<LedgerRun | undefined>
  readonly warn: (error: unknown) => void
}

/** Who asks waits no longer for the next byte, and is waited for no longer (milliseconds). */
const patienceMs = 10_000
/** Streams among them; more would leave the notifier without files to open. */
const mostConnections = 2_000
/** The list of all services is made at most so often (milliseconds). */
const listEveryMs = 1_000

const html = 'text/html; charset=utf-8'
const json = 'application/json; charset=utf-8'

export async function createServer(deps: ServerDeps): Promise<FastifyInstance> {
  const app = fastify({
    ...{ logger: false, bodyLimit: 1, forceCloseConnections: true, exposeHeadRoutes: true },
    ...{ requestTimeout: patienceMs, keepAliveTimeout: patienceMs, connectionTimeout: 6 * patienceMs },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    // An address that is none never comes as far as the hooks.
    frameworkErrors: (_error, request, reply) => refuseAddress(deps, request, reply.headers(always), 400),
  })
  app.server.maxConnections = mostConnections
  // Schemas are there to be read: what goes out was checked when it came in.
  app.setSerializerCompiler(() => JSON.stringify)
  app.setValidatorCompiler(() => () => true)
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(always)
  })
  app.setNotFoundHandler((request, reply) =>
    refuse(deps, request, reply, 404, 'Nothing here', 'There is no such page.'),
  )
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) deps.warn(error)
    return refuseAddress(deps, request, reply, status)
  })
  await app.register(swagger, { openapi: openapiOf(deps) })
  await app.register(
    async (routes) => {
      addPages(routes, deps)
      addApi(routes, deps, () => app.swagger())
      addStreams(routes, deps)
    },
    { prefix: deps.base },
  )
  return app
}

/** With every answer. */
const always = { ...securityHeaders, 'cache-control': 'no-cache' }

function refuseAddress(deps: ServerDeps, request: FastifyRequest, reply: FastifyReply, status: number) {
  const why = status >= 500 ? 'Try again in a moment.' : 'The address is not one of this site’s.'
  return refuse(deps, request, reply, status, 'This did not work', why)
}

const openapiOf = ({ title, base }: ServerDeps) => ({
  info: {
    ...{ title, version },
    description: 'How fresh every service’s token is, and whose turn it is. Read only, without any secret.',
  },
  servers: [{ url: base || '/' }],
})

type Named = { Params: { name: string } }
type Asked = { Querystring: { q?: unknown; state?: unknown } }
type OfRun = { Params: { id: string } }
const hidden = { schema: { hide: true } }

function addPages(routes: FastifyInstance, deps: ServerDeps): void {
  const { pages } = deps
  const list = keepFor(listEveryMs, () => pages.fleet({ q: '', state: '' }))
  routes.get<Asked>('/', hidden, async (request, reply) => {
    const filter = filterOf(request.query)
    const isWhole = filter.q === '' && filter.state === ''
    return send(request, reply, html, isWhole ? await list() : { text: await pages.fleet(filter) })
  })
  routes.get<Named>('/experiments/:name', hidden, async (request, reply) =>
    sendPage(deps, request, reply, await pages.experiment(request.params.name), noExperiment(request)),
  )
  routes.get<Named>('/experiments/:name/use', hidden, async (request, reply) =>
    sendPage(deps, request, reply, pages.use(request.params.name), noExperiment(request)),
  )
  routes.get<OfRun>('/runs/:id', hidden, async (request, reply) => {
    const run = await findRun(deps, request)
    return sendPage(deps, request, reply, run && (await pages.run(run)), noRun)
  })
  for (const [name, { type, text }] of Object.entries(assets)) {
    const kept = { text }
    routes.get(`/${name}`, hidden, (request, reply) => {
      // Its address has another end when it changes.
      reply.header('cache-control', 'public, max-age=86400')
      return send(request, reply, type, kept)
    })
  }
  routes.get('/robots.txt', hidden, (_request, reply) =>
    reply.type('text/plain').send('User-agent: *\nDisallow: /\n'),
  )
}

const filterOf = ({ q, state }: Asked['Querystring']): Filter => ({
  q: typeof q === 'string' ? cleanLine(q, 100) : '',
  state: states.find((one) => one === state) ?? '',
})

const noExperiment = ({ params }: FastifyRequest<Named>) =>
  `No experiment ${cleanLine(params.name)} is configured.`
const noRun = 'No such run is in the ledger: it keeps two weeks.'

const findRun = async ({ readRun }: ServerDeps, { params }: FastifyRequest<OfRun>) => {
  const id = params.id.toUpperCase()
  return isRunId(id) ? readRun(id) : undefined
}

async function sendPage(
  deps: ServerDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  text: string | undefined,
  missing: string,
): Promise<FastifyReply> {
  if (text === undefined) return refuse(deps, request, reply, 404, 'Nothing here', missing)
  return send(request, reply, html, { text })
}

const jsonSchema = (schema: z.ZodType) =>
  z.toJSONSchema(schema, { target: 'openapi-3.0', unrepresentable: 'any' })
const answers = (schema: z.ZodType) => ({
  200: jsonSchema(schema),
  ...(schema === servicesAnswer ? {} : { 404: jsonSchema(errorAnswer) }),
})
const param = (name: string, description: string) => ({
  type: 'object',
  properties: { [name]: { type: 'string', description } },
})

function addApi(routes: FastifyInstance, deps: ServerDeps, openapi: () => object): void {
  const { api } = deps
  const sendJson = (request: FastifyRequest, reply: FastifyReply, body: object | undefined, missing = '') =>
    body === undefined
      ? refuse(deps, request, reply, 404, 'not-found', missing)
      : send(request, reply, json, { text: `${JSON.stringify(body)}\n` })

  const services = { summary: 'Every service', response: answers(servicesAnswer) }
  routes.get('/api/services', { schema: services }, (request, reply) =>
    sendJson(request, reply, api.services()),
  )
  const experiment = {
    ...{ summary: 'One experiment', response: answers(experimentAnswer) },
    params: param('name', 'As configured, or as the token issuer knows it.'),
  }
  routes.get<Named>('/api/experiments/:name', { schema: experiment }, (request, reply) =>
    sendJson(request, reply, api.experiment(request.params.name), noExperiment(request)),
  )
  const run = {
    ...{ summary: 'One run', response: answers(runAnswer) },
    params: param('id', 'The id of the run.'),
  }
  routes.get<OfRun>('/api/runs/:id', { schema: run }, async (request, reply) => {
    const found = await findRun(deps, request)
    return sendJson(request, reply, found && (await api.run(found)), noRun)
  })
  const badge = {
    ...{ summary: 'A badge for a wiki', produces: ['image/svg+xml'] },
    params: param('name', 'An experiment.'),
    response: { 200: { type: 'string', description: 'An SVG with the experiment’s name and its state.' } },
  }
  routes.get<Named>('/badge/:name.svg', { schema: badge }, (request, reply) => {
    // A wiki is another site, and its readers ask often.
    reply.headers({ 'cache-control': 'public, max-age=60', 'cross-origin-resource-policy': 'cross-origin' })
    return send(request, reply, 'image/svg+xml', { text: api.badge(cleanLine(request.params.name)) })
  })
  routes.get('/api/openapi.json', hidden, (request, reply) => sendJson(request, reply, openapi()))
}

function addStreams(routes: FastifyInstance, { streams }: ServerDeps): void {
  const options = { ...hidden, exposeHeadRoute: false }
  const open = (reply: FastifyReply, topic: string) => {
    const { raw } = reply
    for (const [name, value] of Object.entries(reply.getHeaders())) raw.setHeader(name, value ?? '')
    reply.hijack()
    raw.socket?.setTimeout(0)
    if (!streams.open(topic, raw)) raw.writeHead(503, { 'retry-after': '60' }).end()
  }
  routes.get<{ Querystring: { some?: string } }>('/live', options, (request, reply) =>
    open(reply, request.query.some === undefined ? topics.all : topics.some),
  )
  routes.get<Named>('/live/experiments/:name', options, (request, reply) =>
    open(reply, topics.experiment(request.params.name)),
  )
  routes.get<OfRun>('/live/runs/:id', options, (request, reply) =>
    open(reply, topics.run(request.params.id.toUpperCase())),
  )
}

/** A clear answer in the form that was asked for, and never how it came to that. */
function refuse(
  { base, pages }: ServerDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  heading: string,
  why: string,
): Promise<FastifyReply> {
  reply.status(status)
  if (request.url.startsWith(`${base}/api/`))
    return send(request, reply, json, {
      text: `${JSON.stringify({ error: { code: status === 404 ? 'not-found' : 'failed', message: why } })}\n`,
    })
  return send(request, reply, html, { text: pages.missing(heading, why) })
}

/** Made once in a while, for all who ask meanwhile. */
function keepFor(ms: number, make: () => Promise<string>): () => Promise<Kept> {
  let until = 0
  let kept: Promise<Kept> | undefined
  return () => {
    if (kept && performance.now() < until) return kept
    until = performance.now() + ms
    const making = make().then((text) => ({ text }))
    making.catch(() => {
      kept = undefined
    })
    kept = making
    return making
  }
}
