/**
 * A token issuer in a process of its own: HTTPS, JSON and a fresh RS256 signature for each token, as an INDIGO IAM gives them, and
 * no database behind it. It refuses whoever does not ask as one has to. `node issuer-process.ts SETTINGS`, a file.
 */
import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'

/** What the file holds. */
export interface IssuerSettings {
  readonly port: number
  readonly keyFile: string
  readonly certFile: string
  readonly clientId: string
  readonly clientSecretFile: string
  readonly scopes: readonly string[]
  readonly audience: string
  readonly tokenSeconds: number
}

const settings = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as IssuerSettings
const url = `https://localhost:${settings.port}`
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const secret = readFileSync(settings.clientSecretFile, 'utf8').trim()
/** As RFC 6749 has it (2.3.1): both are encoded as in a form. */
const proofOf = (header = '') =>
  Buffer.from(header.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':')
    .map(decodeURIComponent)
const scope = settings.scopes.join(' ')
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

function makeToken(): string {
  const now = Math.floor(Date.now() / 1_000)
  const times = { iat: now, nbf: now, exp: now + settings.tokenSeconds }
  const about = { iss: url, sub: settings.clientId, aud: settings.audience, scope, 'wlcg.ver': '1.0' }
  const signed = `${part({ alg: 'RS256', kid: 'bench', typ: 'at+jwt' })}.${part({ ...about, ...times, jti: randomUUID() })}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
}

type Answer = readonly [status: number, body: object]

async function answer(request: IncomingMessage): Promise<Answer> {
  if (request.url === '/.well-known/openid-configuration')
    return [200, { issuer: url, token_endpoint: `${url}/token`, jwks_uri: `${url}/jwks` }]
  if (request.url !== '/token') return [404, { error: 'invalid_request' }]
  const asked = new URLSearchParams(await text(request))
  const [id, proof] = proofOf(request.headers.authorization)
  if (id !== settings.clientId || proof !== secret) return [401, { error: 'invalid_client' }]
  if (asked.get('grant_type') !== 'client_credentials') return [400, { error: 'unsupported_grant_type' }]
  if (asked.get('scope') !== scope) return [400, { error: 'invalid_scope' }]
  if (asked.get('audience') !== settings.audience) return [400, { error: 'invalid_target' }]
  const token = { access_token: makeToken(), token_type: 'Bearer', expires_in: settings.tokenSeconds, scope }
  return [200, token]
}

const tls = { key: readFileSync(settings.keyFile), cert: readFileSync(settings.certFile) }
createServer(tls, async (request, response) => {
  const [status, body] = await answer(request)
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}).listen(settings.port, '127.0.0.1', () => process.stderr.write('the issuer listens\n'))
