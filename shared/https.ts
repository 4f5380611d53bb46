/** One HTTPS GET with the certificates of a grid site: a file or a directory of authorities, and a client certificate where one is due. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'

export interface GetOptions {
  /** File or directory of authorities; absent: the system's. */
  readonly caPath?: string | undefined
  readonly client?: { readonly cert: string; readonly key: string }
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Answers are far smaller; anything longer is not what was asked for (characters). */
const longestAnswer = 1024 * 1024

/** The body of a 200 answer. Throws an error that names the status or the network's complaint, never a header. */
export async function getText(url: URL, options: GetOptions): Promise<string> {
  const trust = options.client ? undefined : await trustIn(options.caPath)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const asked = request(
    url,
    {
      headers: { ...options.headers },
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]),
      agent: false,
      ...(trust ? { secureContext: trust } : {}),
      ...(options.client ? { ca: await readCertificates(options.caPath), ...options.client } : {}),
    },
    (answer) => {
      let body = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        body += chunk
        if (body.length > longestAnswer) asked.destroy(new Error('the answer is too long'))
      })
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(body)
        else reject(new Error(`${url.host} answered with status ${answer.statusCode}`))
      })
      answer.on('error', reject)
    },
  )
  asked.on('error', reject)
  asked.end()
  return promise
}

/** Reading a grid's hundreds of authorities for every question would cost more than asking it (milliseconds). */
const trustedMs = 60_000
const trusted = new Map<string, { readonly until: number; readonly context: Promise<SecureContext> }>()

/** The authorities of `caPath`, read once a minute. */
function trustIn(caPath: string | undefined): Promise<SecureContext> | undefined {
  if (!caPath) return undefined
  const known = trusted.get(caPath)
  if (known && known.until > performance.now()) return known.context
  const context = readCertificates(caPath).then((ca) => createSecureContext({ ca }))
  context.catch(() => trusted.delete(caPath))
  trusted.set(caPath, { until: performance.now() + trustedMs, context })
  return context
}

/** PEM texts of a file, or of all files in a directory of authorities; undefined: the system’s. */
export async function readCertificates(caPath: string | undefined): Promise<string[] | undefined> {
  if (!caPath) return undefined
  if (!(await stat(caPath)).isDirectory()) return [await readFile(caPath, 'utf8')]
  const names = (await readdir(caPath)).filter((name) => /\.(pem|crt|0)$/.test(name))
  return Promise.all(names.map((name) => readFile(join(caPath, name), 'utf8')))
}
