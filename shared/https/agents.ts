/** The connections of all our questions over HTTP: whom they trust, and by way of which proxy they go. */
import type { Agent as HttpAgent } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import { createSecureContext } from 'node:tls'
import { environment } from '../config/environment.ts'
import type { Certificates } from './certificates.ts'
import { proxyFor, type WebProxy } from './proxy.ts'
import { currentTrust } from './trust.ts'

export interface Trusting {
  /** File or directory of authorities beside the system's. */
  readonly caPath?: string | undefined
  readonly client?: { readonly cert: string; readonly key: string } | undefined
  /** By way of no proxy, whatever the variables say. */
  readonly direct?: boolean
}

export interface Way {
  readonly agent: HttpAgent | HttpsAgent
  readonly proxy: WebProxy | undefined
}

/** How long a connection waits for the next question: a handshake costs both ends more than an answer does (milliseconds). */
const idleMs = 2_000
const options = { keepAlive: true, timeout: idleMs }

const plain = new Map<string, HttpAgent>()
const secure = new WeakMap<Certificates, Map<string, HttpsAgent>>()

/** The way to `url`. Whose client certificate or proxy differs shares no connection. Throws what {@link proxyFor} throws. */
export async function wayTo(url: URL, trusting: Trusting = {}): Promise<Way> {
  const proxy = trusting.direct ? undefined : proxyFor(url, environment)
  return { agent: await agentOf(url.protocol === 'https:', proxy, trusting), proxy }
}

/** Both modules are loaded with the first question: they take a tenth of a daemon's start, which asks nothing. */
async function agentOf(isTls: boolean, proxy: WebProxy | undefined, { caPath, client }: Trusting) {
  if (!isTls) {
    const { Agent } = await import('node:http')
    return ofKey(plain, proxy?.url ?? '', () => new Agent({ ...options, ...proxyTo('HTTP_PROXY', proxy) }))
  }
  const [{ Agent }, trust] = await Promise.all([import('node:https'), currentTrust(caPath)])
  const agents = secure.get(trust) ?? new Map<string, HttpsAgent>()
  secure.set(trust, agents)
  return ofKey(agents, JSON.stringify([proxy?.url, client?.cert]), () => {
    const secureContext = createSecureContext({ ca: [...trust.certificates], ...client })
    return new Agent({ ...options, secureContext, ...proxyTo('HTTPS_PROXY', proxy) })
  })
}

const proxyTo = (name: 'HTTP_PROXY' | 'HTTPS_PROXY', proxy: WebProxy | undefined) =>
  proxy ? { proxyEnv: { [name]: proxy.url } } : {}

function ofKey<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key) ?? make()
  known.set(key, found)
  return found
}
