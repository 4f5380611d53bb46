/** Asks Vault how long a token still lives: htgettoken does not say. */
import { failedWith } from '../../../shared/contracts/errors.ts'
import { type ReasonCode, reasons } from '../../../shared/contracts/reasons.ts'
import { z } from '../../../shared/contracts/zod.ts'
import { HttpError } from '../../../shared/https/http-error.ts'
import { type AskOptions, getText } from '../../../shared/https/request.ts'
import { onWayToVault, vaultUrl } from '../../../shared/vault/vault-url.ts'

/** No token of any Vault lives longer (seconds). */
const longestLife = 100 * 365 * 24 * 60 * 60
const lookup = z.object({ data: z.object({ ttl: z.number().min(0).max(longestLife).describe('Seconds.') }) })

/** When `token` ends. Throws Transient `vault-unreachable`, `rate-limited`, `vault-tls` or `proxy-failed` when Vault does not say. */
export async function tokenExpiry(
  server: string,
  token: string,
  options: { caPath?: string | undefined; timeoutMs: number; signal: AbortSignal },
): Promise<Date> {
  const url = new URL('/v1/auth/token/lookup-self', vaultUrl(server))
  const headers = { 'X-Vault-Token': token }
  const ask = (way: AskOptions) => getText(url, way)
  const answer = await onWayToVault(ask, { ...options, headers }).catch((error: Error) => {
    throw error instanceof HttpError ? vaultError(server, error) : silentVault(server, error.message)
  })
  try {
    return new Date(Date.now() + lookup.parse(JSON.parse(answer)).data.ttl * 1_000)
  } catch {
    // Without the parser's words, which quote the answer: the token stands in it.
    throw silentVault(server, 'its answer cannot be read')
  }
}

/** Why Vault, or the way to it, gave no answer. Never quotes the answer, in which a token may stand. Pure. */
function vaultError(server: string, { kind, message, status, body }: HttpError): Error {
  if (kind === 'tls') return silentVault(server, message, 'vault-tls')
  if (kind === 'proxy') return silentVault(server, message, 'proxy-failed')
  if (status === 429) return silentVault(server, 'it asks for a pause', 'rate-limited')
  return silentVault(server, status === 503 && /\bsealed\b/.test(body) ? 'it is sealed' : message)
}

function silentVault(server: string, why: string, code: ReasonCode = 'vault-unreachable'): Error {
  const causeName = reasons[code].cause === 'vault' ? vaultUrl(server).hostname : undefined
  const message = `Vault at ${server} did not say how long the token lives: ${why}.`
  return failedWith(code, message, { causeName })
}

/** A life (milliseconds) for people, in its two largest units: `5d3h`, `3h20m`, `40s`. Pure. */
export function lifeLeft(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const
  const first = units.findIndex(([, size]) => ms >= size)
  if (first < 0) return '0s'
  let rest = ms
  return units
    .slice(first, first + 2)
    .map(([unit, size]) => {
      const whole = Math.floor(rest / size)
      rest -= whole * size
      return whole > 0 ? `${whole}${unit}` : ''
    })
    .join('')
}
