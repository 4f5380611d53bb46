/** One HTTPS GET with the certificates of a grid site: a file or a directory of authorities, and a client certificate where one is due. */
import { readdir, readFile, stat } from 'node:fs/promises'
import type { Agent } from 'node:https'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { HttpError, httpErrorOf } from './http-error.ts'
import { readRetryAfter } from './retry-after.ts'

export interface GetOptions {
  /** File or directory of authorities; absent: the system's. */
  readonly caPath?: string | undefined
  readonly client?: { readonly cert: string; readonly key: string }
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Loaded with the first question: it takes a tenth of a daemon's start, which asks nothing. */
const https = () => import('node:https')

/** Answers are far smaller; anything longer is not what was asked for (characters). */
const longestAnswer = 1024 * 1024

/** The body of a 200 answer. Throws {@link HttpError}, or the reason for which `options.signal` is aborted. */
export async function getText(url: URL, options: GetOptions): Promise<string> {
  const agent = await agentOf(options)
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  for (;;) {
    const answer = await ask(url, { headers: { ...options.headers }, agent, signal }).catch(
      (error: Error) => {
        options.signal.throwIfAborted()
        throw signal.aborted ? tooSlow(url, options) : httpErrorOf(error, url.host)
      },
    )
    if (answer !== 'stale') return answer
  }
}

const tooSlow = ({ host }: URL, { timeoutMs }: GetOptions) =>
  new HttpError(`${host} did not answer within ${timeoutMs / 1_000} s`, { kind: 'timeout' })

/** What a question meets on a connection that the other end has closed. */
const closedCodes = new Set<string | undefined>(['ECONNRESET', 'EPIPE'])

/** `stale`: the other end closed a connection that was open from an earlier question, just as this one was asked. */
async function ask(
  url: URL,
  options: { headers: Record<string, string>; agent: Agent; signal: AbortSignal },
): Promise<string | 'stale'> {
  const { request } = await https()
  const { promise, resolve, reject } = Promise.withResolvers<string | 'stale'>()
  const asked = request(url, options, (answer) => {
    let body = ''
    answer.setEncoding('utf8')
    answer.on('data', (chunk: string) => {
      body += chunk
      if (body.length > longestAnswer) asked.destroy(new Error('the answer is too long'))
    })
    answer.on('end', () => {
      const { statusCode: status, headers } = answer
      if (status === 200) return resolve(body)
      const retryAfterMs = readRetryAfter(headers['retry-after'])
      const facts = { kind: 'status', status, retryAfterMs, body } as const
      reject(new HttpError(`${url.host} answered with status ${status}`, facts))
    })
    answer.on('error', reject)
  })
  asked.on('error', (error: NodeJS.ErrnoException) => {
    if (asked.reusedSocket && closedCodes.has(error.code)) resolve('stale')
    else reject(error)
  })
  asked.end()
  return promise
}

/** Reading a grid's hundreds of authorities for every question would cost more than asking it (milliseconds). */
const trustedMs = 60_000
/** How long a connection waits for the next question: a handshake costs both ends more than an answer does (milliseconds). */
const idleMs = 2_000
const agents = new Map<string, { readonly until: number; readonly agent: Promise<Agent> }>()

type Trust = Pick<GetOptions, 'caPath' | 'client'>

/** Connections that trust the authorities of `caPath`, which are read once a minute; whose client certificate differs, differ. */
function agentOf(trust: Trust): Promise<Agent> {
  const key = JSON.stringify([trust.caPath, trust.client?.cert])
  const known = agents.get(key)
  if (known && known.until > performance.now()) return known.agent
  for (const [old, { until }] of agents) if (until <= performance.now()) agents.delete(old)
  const agent = makeAgent(trust)
  agent.catch(() => agents.delete(key))
  agents.set(key, { until: performance.now() + trustedMs, agent })
  return agent
}

async function makeAgent({ caPath, client }: Trust): Promise<Agent> {
  const [{ Agent }, ca] = await Promise.all([https(), readCertificates(caPath)])
  return new Agent({
    keepAlive: true,
    timeout: idleMs,
    ...(ca || client ? { secureContext: createSecureContext({ ...(ca && { ca }), ...client }) } : {}),
  })
}

/** PEM texts of a file, or of all files in a directory of authorities; undefined: the system’s. */
export async function readCertificates(caPath: string | undefined): Promise<string[] | undefined> {
  if (!caPath) return undefined
  if (!(await stat(caPath)).isDirectory()) return [await readFile(caPath, 'utf8')]
  const names = (await readdir(caPath)).filter((name) => /\.(pem|crt|0)$/.test(name))
  return Promise.all(names.map((name) => readFile(join(caPath, name), 'utf8')))
}
