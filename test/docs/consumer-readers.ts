/**
 * How consumers read a token's file: each rule as it stands in the consumer's source, which is named beside it. Given is what lies in
 * the file, and what the consumer is configured with.
 */
import { createHash } from 'node:crypto'
import { z } from '../../shared/contracts/zod.ts'

const part = (text = '') => JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown

const claimsSchema = z.looseObject({ exp: z.number(), nbf: z.number().optional(), sub: z.string() })
export type Claims = z.infer<typeof claimsSchema>

/** A JWT's head and claims, unverified. Throws where it is none: a blank or a newline in it is no base64url. */
export function decodeJwt(token: string): {
  readonly head: Record<string, unknown>
  readonly claims: Claims
} {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new Error('this is no JWT')
  const [head, claims] = token.split('.')
  return {
    head: z.record(z.string(), z.unknown()).parse(part(head)),
    claims: claimsSchema.parse(part(claims)),
  }
}

/**
 * GlideinWMS, `lib/credentials/credentials.py` (`load_from_file`) and `tokens.py` (`Token.decode`, `invalid_reason`): the whole
 * file, stripped, decoded without its signature; `nbf` and `exp` have to be there. Why it is not valid; undefined where it is.
 */
export function glideinInvalid(
  text: string,
  minimumLifetime: number,
  nowSeconds: number,
): string | undefined {
  const { claims } = decodeJwt(text.trim())
  if (claims.nbf === undefined) throw new Error('no nbf')
  if (nowSeconds < claims.nbf) return 'Token not yet valid.'
  if (nowSeconds > claims.exp) return 'Token expired.'
  if (minimumLifetime && claims.exp - nowSeconds < minimumLifetime) return 'Token lifetime too short.'
  return undefined
}

/** What GlideinWMS tells credentials apart by: `Credential.id` in `lib/credentials/credentials.py`. */
export const glideinId = (
  text: string,
  of: Readonly<Record<'type' | 'purpose' | 'trust_domain' | 'security_class', string>>,
): string =>
  `${decodeJwt(text.trim()).claims.sub}${of.purpose}${of.trust_domain}${of.security_class}${of.type}`

const harvesterPorts = { 'htcondor-ce': 9619, 'arc-ce': 443 } as const

/**
 * PanDA Harvester, `harvestersubmitter/htcondor_submitter.py` (`submit_workers`: the endpoint of a CE) and
 * `harvestermisc/token_utils.py` (`endpoint_to_filename`): the file's name in `tokenDir`.
 */
export function harvesterFile(ceEndpoint: string, flavour: keyof typeof harvesterPorts): string {
  const endpoint = ceEndpoint.replace(/^\w+:\/\//, '')
  const full = endpoint.includes(':') ? endpoint : `${endpoint}:${harvesterPorts[flavour]}`
  return createHash('md5').update(full, 'latin1').digest('hex')
}

/** The same, `harvestercommunicator/panda_communicator.py` (`renew_token`): the path, and the file as it is behind `Bearer`. */
export const pandaTokenPath = (authToken: string): string => authToken.split(':').at(-1) ?? ''
export const pandaHeader = (text: string): string => headerValue(`Bearer ${text}`)

/** Python's requests, `utils.py` (`check_header_validity`), and undici alike: no value with a line's end. */
function headerValue(value: string): string {
  if (/[\r\n]/.test(value) || /^\s/.test(value)) throw new Error('this is no value of a header')
  return value
}

/** Rucio, `lib/rucio/client/baseclient.py` (`__read_token`): the first line with its end, as `X-Rucio-Auth-Token`. */
export const rucioHeader = (text: string): string => headerValue(/^.*\n?/.exec(text)?.[0] ?? '')

/** WLCG's bearer token discovery (doi 10.5281/zenodo.3937438): which file, where `BEARER_TOKEN` is not set; white space around it goes. */
export const discoveredFile = (env: Readonly<Record<string, string | undefined>>, uid: number): string =>
  env.BEARER_TOKEN_FILE ?? (env.XDG_RUNTIME_DIR ? `${env.XDG_RUNTIME_DIR}/bt_u${uid}` : `/tmp/bt_u${uid}`)
export const discoveredToken = (text: string): string => text.trim()

/**
 * DIRAC, `FrameworkSystem/private/authorization/utils/Tokens.py` (`getTokenLocation`, which is the rule above without its last step
 * where `XDG_RUNTIME_DIR` is set; `readTokenFromFile`; `OAuth2Token`): a JWT, or else JSON.
 */
export function diracToken(text: string): { readonly token: string; readonly expiresAt: number } {
  const said = text.trim()
  if (/^[\w=-]+\.[\w=-]+\.?[\w.+/=-]*$/.test(said))
    return { token: said, expiresAt: decodeJwt(said).claims.exp }
  const { access_token: token, expires_at: expiresAt } = z
    .object({ access_token: z.string(), expires_at: z.number() })
    .parse(JSON.parse(said))
  return { token, expiresAt }
}

/** XRootD with scitokens-cpp 0.7.3, as measured (docs/consumers.md): what it insists on and the token lacks. */
export function lackingForXrootd(text: string, audience: string): string[] {
  const { claims } = decodeJwt(discoveredToken(text))
  const wanted: Readonly<Record<string, boolean>> = {
    'wlcg.ver': claims['wlcg.ver'] === '1.0',
    aud: [claims.aud].flat().includes(audience),
    scope: typeof claims.scope === 'string' && /^storage\.\w+:\//.test(claims.scope),
    ...Object.fromEntries(['exp', 'nbf', 'iat'].map((name) => [name, typeof claims[name] === 'number'])),
    ...Object.fromEntries(['iss', 'sub'].map((name) => [name, typeof claims[name] === 'string'])),
  }
  return Object.keys(wanted).filter((name) => !wanted[name])
}

/** ARC CE 6.17, as measured: a key's name in the head, and RSA. */
export function lackingForArc(text: string): string[] {
  const { head } = decodeJwt(discoveredToken(text))
  return [...(typeof head.kid === 'string' ? [] : ['kid']), ...(head.alg === 'RS256' ? [] : ['RS256'])]
}
