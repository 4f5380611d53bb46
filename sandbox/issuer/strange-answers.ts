/** Answers that no issuer should give, and some that it may: in the place of what it says of itself, or of a token. */
import { randomBytes } from 'node:crypto'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { StrangeAnswer } from '../faults.ts'

type Context = Pick<KoaContextWithOIDC, 'path' | 'set'> & { status: number; body: unknown }
type Changes = Readonly<Record<string, unknown>>

/** Where nobody is. */
const elsewhere = 'https://iam.elsewhere.test'
const opaque = () => ({ access_token: randomBytes(32).toString('base64url') })

/** What becomes of the document that it says of itself. */
const documents: Readonly<Partial<Record<StrangeAnswer, Changes>>> = {
  'another-issuer': { issuer: elsewhere },
  insecure: { token_endpoint: 'http://iam.elsewhere.test/token' },
}

/** What becomes of a token's answer. */
const tokens: Readonly<Partial<Record<StrangeAnswer, () => Changes>>> = {
  opaque,
  'no-expiry': () => ({ expires_in: undefined }),
  'opaque-no-expiry': () => ({ ...opaque(), expires_in: undefined }),
  'no-token': () => ({ access_token: undefined }),
  'other-type': () => ({ token_type: 'DPoP' }),
}

const garbage = '{"access_token": '
const endless = `{"access_token":"${'x'.repeat(10 * 1024 * 1024)}"}`

/** Changes a good answer. */
export function change(kind: StrangeAnswer, ctx: Context): void {
  const isToken = ctx.path === '/token'
  const changes = isToken ? tokens[kind]?.() : documents[kind]
  if (changes) ctx.body = { ...(ctx.body as object), ...changes }
  if (isToken && kind === 'garbage') say(ctx, garbage)
  if (isToken && kind === 'endless') say(ctx, endless)
  if (kind === (isToken ? 'redirect' : 'moved')) lead(ctx)
}

function say(ctx: Context, text: string): void {
  ctx.body = text
  ctx.set('Content-Type', 'application/json')
}

/** With everything that was sent, as a client would have it that follows. */
function lead(ctx: Context): void {
  ctx.status = 307
  ctx.set('Location', `${elsewhere}${ctx.path}`)
}
