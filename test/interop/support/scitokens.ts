/** Debian's tools of scitokens-cpp, the library that doors check tokens with. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export interface ScitokensSite {
  /** A directory for the keys that the library keeps. */
  readonly dir: string
  /** The issuer's authority. */
  readonly ca: string
}

/**
 * What a tool says, and its exit code. It takes a token in its argument list only. The library asks the issuer for its
 * keys with libcurl's own authorities, which nothing but the file itself can change: so it gets the sandbox's in a mount
 * namespace of its own.
 */
export async function runScitokens(
  { dir, ca }: ScitokensSite,
  tool: string,
  ...words: string[]
): Promise<string> {
  const keys = join(dir, 'keys', 'scitokens')
  mkdirSync(keys, { recursive: true })
  const trusting = `mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@" 2>&1`
  // Not in a blocking call: the issuer is in this process.
  const child = spawn('unshare', ['-m', '--', 'sh', '-c', trusting, ca, tool, ...words], {
    env: { PATH: process.env.PATH, HOME: dir, XDG_CACHE_HOME: keys },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  })
  const exited = once(child, 'exit')
  const said = (await text(child.stdout)).trim()
  const [code] = await exited
  return `${said} (exit ${code})`
}

export const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
