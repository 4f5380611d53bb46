/** What the issuer answers while one of its faults is on. */
import type { KoaContextWithOIDC } from 'oidc-provider'
import { readFaults } from '../fault-file.ts'
import { change } from './strange-answers.ts'

const descriptions: Readonly<Record<string, string>> = {
  invalid_client: 'client authentication failed',
  invalid_grant: 'grant request is invalid',
  invalid_scope: 'requested scope is not allowed',
  invalid_target: 'resource indicator is missing, or unknown',
}

type Context = Pick<KoaContextWithOIDC, 'req' | 'path' | 'set'> & { status: number; body: unknown }

/** Answers in the place of the library, or lets it answer. */
export function openFaults(dir: string): (ctx: Context, next: () => Promise<void>) => Promise<void> {
  let limitedUntil = 0
  return async (ctx, next) => {
    const faults = readFaults(dir)
    if (faults['iam-down']) return void ctx.req.socket.destroy()
    if (faults['iam-hangs']) return new Promise((resolve) => ctx.req.socket.once('close', resolve))
    const seconds = faults['iam-rate-limit']
    if (seconds === undefined) limitedUntil = 0
    else if (limitedUntil === 0) limitedUntil = Date.now() + seconds * 1_000
    if (Date.now() < limitedUntil) {
      ctx.set('Retry-After', String(Math.ceil((limitedUntil - Date.now()) / 1_000)))
      return answer(ctx, 429, '<html><body>429 Too Many Requests</body></html>')
    }
    if (faults['iam-error']) return answer(ctx, faults['iam-error'], '<html><body>Error</body></html>')
    const error = faults['iam-refuses']
    if (error && ctx.path === '/token')
      return answer(ctx, error === 'invalid_client' ? 401 : 400, {
        error,
        error_description: descriptions[error],
      })
    await next()
    if (faults['iam-answers'] && ctx.status < 400) change(faults['iam-answers'], ctx)
  }
}

function answer(ctx: { status: number; body: unknown }, status: number, body: unknown): void {
  ctx.status = status
  ctx.body = body
}
