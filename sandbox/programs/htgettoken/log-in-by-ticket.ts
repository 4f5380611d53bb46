/** The Kerberos login at Vault with the ticket of KRB5CCNAME. curl does the SPNEGO part: it links the Kerberos library that node lacks. */
import { spawn } from 'node:child_process'
import type { Authorities } from './authorities.ts'
import { type Answer, describeFailure, toAnswer } from './vault-client.ts'

/** `no-ticket`: Kerberos gave nothing to log in with, and other ways may be tried. */
export type TicketLogin =
  | { readonly end: 'no-ticket'; readonly cause: string }
  | { readonly end: 'answer'; readonly answer: Answer }

const curlCodes: Readonly<Record<number, string>> = {
  6: 'ENOTFOUND',
  7: 'ECONNREFUSED',
  28: 'ETIMEDOUT',
  35: 'ECONNRESET',
  52: 'ECONNRESET',
  56: 'ECONNRESET',
}

/** Rejects with an Error whose message names the cause when Vault cannot be reached or refuses. */
export async function logInByTicket(
  server: string,
  path: string,
  authorities: Authorities,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<TicketLogin> {
  const limits = ['--max-time', '10']
  const login = ['--negotiate', '-u', ':', '--service-name', 'host', '--data', '']
  const words = ['-sv', '-w', '\n%{http_code}', ...limits, ...authorities.words, ...login, `${server}${path}`]
  const { code, stdout, stderr } = await run(words, env)
  const { hostname, port } = new URL(server)
  const pool = `HTTPSConnectionPool(host='${hostname}', port=${port})`
  if (code !== 0) throw new Error(describeFailure(pool, path, curlCodes[code] ?? `curl ${code}`))
  const [, cause] = /gss_init_sec_context\(\) failed: (.*)/.exec(stderr) ?? []
  if (cause) return { end: 'no-ticket', cause: describeCause(cause.trim(), env.KRB5CCNAME) }
  const cut = stdout.lastIndexOf('\n')
  return { end: 'answer', answer: toAnswer(Number(stdout.slice(cut + 1)), stdout.slice(0, cut)) }
}

/** In the words of python-gssapi, which curl cuts short. */
function describeCause(said: string, ccache: string | undefined): string {
  if (said.startsWith('No credentials'))
    return `MissingCredentialsError: Major (458752): No credentials were supplied, or the credentials were unavailable or inaccessible, Minor (2529639053): No Kerberos credentials available (default cache: ${ccache})`
  const minor = said.replace(/\.$/, '')
  return /expired/.test(said)
    ? `ExpiredCredentialsError: Major (720896): The referenced credential has expired, Minor (2529638944): ${minor}`
    : `GSSError: Major (851968): Unspecified GSS failure.  Minor code may provide more information, Minor (2529639068): ${minor}.`
}

function run(words: readonly string[], env: Readonly<NodeJS.ProcessEnv>) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    code: number
    stdout: string
    stderr: string
  }>()
  const child = spawn('/usr/bin/curl', words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.once('error', reject)
  child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
  return promise
}
