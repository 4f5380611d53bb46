/** The Vault stand-in's memory: every token and refresh token it knows, in append-only files so that a restart forgets nothing. */
import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface VaultToken {
  readonly token: string
  /** Only what an OIDC login made may store a refresh token. */
  readonly madeBy: 'kerberos' | 'oidc'
  readonly principal: string
  readonly issuer: string
  readonly role: string
  readonly policies: readonly string[]
  /** Milliseconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** The refresh token of a service that nobody had to log in for. */
export const refreshTokenFromTheStart = 'rt.from-the-start'

export interface Books {
  /** Makes a token, writes it down (also in `tokens.jsonl`), and gives it out. */
  issue(token: Omit<VaultToken, 'token' | 'issuedAt' | 'expiresAt'>, ttlSeconds: number): VaultToken
  /** The token, unless it is unknown, revoked or expired. */
  find(token: string): VaultToken | undefined
  revoke(token: string): void
  /** `path` is `<issuer>/<credkey>:<role>`. */
  findRefreshToken(path: string): string | undefined
  keepRefreshToken(path: string, refreshToken: string): void
  dropRefreshToken(path: string): void
  /** Lists a token that was given out in `tokens.jsonl`, where tests look for tokens that lie where they must not. */
  list(token: string, kind: 'vault' | 'bearer', service: string): void
}

type Line =
  | ({ readonly did: 'issue' } & VaultToken)
  | { readonly did: 'revoke'; readonly token: string }
  | { readonly did: 'keep'; readonly path: string; readonly refreshToken: string }
  | { readonly did: 'drop'; readonly path: string }

/** Opens the books in `<dir>/vault/books`, and reads what an earlier process wrote there. */
export function openBooks(dir: string): Books {
  const file = join(dir, 'vault', 'books', 'books.jsonl')
  const issued = join(dir, 'vault', 'tokens.jsonl')
  mkdirSync(join(dir, 'vault', 'books'), { recursive: true, mode: 0o700 })
  const tokens = new Map<string, VaultToken>()
  const refreshTokens = new Map<string, string>()

  const apply = (line: Line) => {
    if (line.did === 'issue') tokens.set(line.token, line)
    else if (line.did === 'revoke') tokens.delete(line.token)
    else if (line.did === 'keep') refreshTokens.set(line.path, line.refreshToken)
    else refreshTokens.delete(line.path)
  }
  const write = (line: Line) => {
    apply(line)
    appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
  }
  const list: Books['list'] = (token, kind, service) => {
    appendFileSync(issued, `${JSON.stringify({ token, kind, service, at: new Date().toISOString() })}\n`, {
      mode: 0o600,
    })
  }
  if (existsSync(file)) {
    for (const line of readFileSync(file, 'utf8').split('\n')) if (line) apply(JSON.parse(line) as Line)
  }

  return {
    list,
    issue(facts, ttlSeconds) {
      const issuedAt = Date.now()
      const token = {
        ...facts,
        token: `hvs.${randomBytes(69).toString('base64url')}`,
        issuedAt,
        expiresAt: issuedAt + ttlSeconds * 1000,
      }
      write({ did: 'issue', ...token })
      list(token.token, 'vault', `${facts.issuer}_${facts.role}`)
      return token
    },
    find(token) {
      const known = tokens.get(token)
      return known && known.expiresAt > Date.now() ? known : undefined
    },
    revoke: (token) => write({ did: 'revoke', token }),
    findRefreshToken: (path) => refreshTokens.get(path),
    keepRefreshToken: (path, refreshToken) => write({ did: 'keep', path, refreshToken }),
    dropRefreshToken: (path) => write({ did: 'drop', path }),
  }
}
