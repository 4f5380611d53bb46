/** The course of one htgettoken run: the old vault token if it is good, else a ticket, else a person; then the bearer token. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isatty } from 'node:tty'
import { print } from '../program.ts'
import { readAuthorities } from './authorities.ts'
import { logInByPerson } from './log-in-by-person.ts'
import { logInByTicket } from './log-in-by-ticket.ts'
import { Fatal, isDeviceFile, type Options } from './options.ts'
import { readToken, writeToken } from './token-file.ts'
import { type Answer, createVaultClient, type VaultClient } from './vault-client.ts'
import { createVoice, type Voice } from './voice.ts'

interface Run {
  readonly options: Options
  readonly env: Readonly<NodeJS.ProcessEnv>
  readonly client: VaultClient
  readonly voice: Voice
  bearerUrl: string | undefined
}

/** @throws Fatal */
export async function getToken(options: Options, env: Readonly<NodeJS.ProcessEnv>): Promise<void> {
  const voice = createVoice(options)
  const authorities = readAuthorities(options.caFile, options.caPath)
  const client = createVaultClient(options.vaultServer, authorities.pem)
  const run: Run = { options, env, client, voice, bearerUrl: undefined }
  const noOidc = options.noOidc || ![0, 1, 2].some((fd) => isatty(fd))
  if (noOidc && !options.noOidc) voice.detail('Disabling oidc because running in the background')

  const credkey = options.credkey ?? readSavedCredkey(run)
  let bearer: string | undefined
  if (credkey !== undefined) {
    const path = options.secretPath.replaceAll('%credkey', credkey)
    bearer = await tryOldToken(run, path)
    if (bearer === undefined && !options.noKerberos) bearer = await tryTicket(run, path, authorities)
  }
  if (bearer === undefined && !noOidc) bearer = await tryPerson(run)
  // Python flushes its own standard output last, so a vault token written there comes before the URL.
  if (run.bearerUrl !== undefined) print(1, `${run.bearerUrl}\n`)
  if (bearer === undefined) throw new Fatal(`Failure getting token from ${options.vaultServer}`)
  keepToken(run, 'bearer', bearer, options.outFile)
}

async function tryOldToken(run: Run, path: string): Promise<string | undefined> {
  const { options, voice, client } = run
  const file = options.vaultTokenInFile
  if (!existsSync(file)) return void voice.debug(`${file} does not yet exist`)
  const token = readToken(file)
  if (token === undefined) return void voice.debug(`Could not load ${file}`)
  if (isDeviceFile(file)) {
    // Whatever comes from a device is traded for a token of the asked life first.
    const traded = await tradeToken(run, { auth: { client_token: token } })
    keepToken(run, 'vault', traded, options.vaultTokenFile)
    return readBearer(run, traded, path, undefined)
  }
  if (options.minTtlSeconds > 0) {
    voice.detail(
      `Making sure there is at least ${options.minTtlSeconds} seconds remaining\n  in vault token from ${file}`,
    )
    if (!(await hasTimeLeft(client, voice, options, token))) return undefined
  }
  voice.detail(`Attempting to get bearer token from ${options.vaultServer}\n  using vault token from ${file}`)
  return readBearer(run, token, path, undefined)
}

async function hasTimeLeft(
  client: VaultClient,
  voice: Voice,
  options: Options,
  token: string,
): Promise<boolean> {
  const path = '/v1/auth/token/lookup-self'
  try {
    const { body } = await client.ask(path, { token })
    const ttl = (body.data as { ttl?: number } | undefined)?.ttl
    if (ttl === undefined) throw new Fatal('ttl missing from lookup-self response')
    voice.detail(`  ${ttl} seconds remaining`)
    return ttl >= options.minTtlSeconds
  } catch (error) {
    if (error instanceof Fatal) throw error
    voice.log(`Looking up vault token at ${options.vaultServer}${path} failed: ${(error as Error).message}`)
    return false
  }
}

async function tryTicket(
  run: Run,
  secretPath: string,
  authorities: Parameters<typeof logInByTicket>[2],
): Promise<string | undefined> {
  const { options, voice, env } = run
  const { vaultServer, kerbPath } = options
  voice.detail(`Initializing kerberos client for host@${new URL(vaultServer).hostname}`)
  voice.progress(`Attempting kerberos auth with ${vaultServer} ...`)
  voice.detail(`Negotiating kerberos with ${vaultServer}\n  at path ${kerbPath}`)
  const path = `/v1/${kerbPath}/login`
  const login = await logInByTicket(vaultServer, path, authorities, env).catch((error: Error) => {
    voice.ended('failed')
    throw new Fatal(`Kerberos negotiate with ${vaultServer}${path} failed: ${error.message}`)
  })
  if (login.end === 'no-ticket') {
    voice.detail(`Kerberos init failed: ${login.cause}`)
    voice.ended('failed')
    return undefined
  }
  voice.ended('succeeded')
  showBody(voice, 'vault kerberos', login.answer)
  const token = await tradeToken(run, login.answer.body)
  voice.detail(`Attempting to get bearer token from ${vaultServer}`)
  return readBearer(run, token, secretPath, options.vaultTokenFile)
}

async function tryPerson(run: Run): Promise<string> {
  const { options, voice, client } = run
  const login = await logInByPerson(options, client, voice)
  const token = await tradeToken(run, login.body)
  keepToken(run, 'vault', token, options.vaultTokenFile)
  const { credkey: ownKey, oauth2_refresh_token: refreshToken } = login.metadata
  if (refreshToken === undefined)
    throw new Fatal(`no 'oauth2_refresh_token' in response from ${options.vaultServer}`)
  const credkey = options.credkey ?? ownKey ?? ''
  if (options.credkey === undefined) saveCredkey(run, credkey)
  const path = options.secretPath.replaceAll('%credkey', credkey)
  voice.detail(`Saving refresh token to ${options.vaultServer}\n  at path ${path}`)
  voice.progress('Saving refresh token ...')
  await client
    .ask(`/v1/${path}`, { token, body: { server: options.issuer, refresh_token: refreshToken } })
    .catch((error: Error) => {
      voice.ended('failed')
      throw new Fatal(`Refresh token storage to ${options.vaultServer}/v1/${path} failed: ${error.message}`)
    })
  voice.ended('done')
  voice.detail(`Getting bearer token from ${options.vaultServer}`)
  const bearer = await readBearer(run, token, path, undefined)
  if (bearer === undefined) throw new Fatal(`Failure getting token from ${options.vaultServer}`)
  return bearer
}

/** The token of a login, traded for one that lives no longer than asked. */
async function tradeToken(run: Run, login: Readonly<Record<string, unknown>>): Promise<string> {
  const { options, client, voice } = run
  const auth = login.auth as
    | { client_token?: string; lease_duration?: number; policies?: string[] }
    | undefined
  if (auth?.client_token === undefined)
    throw new Fatal(`no 'client_token' in response from ${options.vaultServer}`)
  const policies = auth.policies?.some((policy) => policy.startsWith('sshregister'))
    ? auth.policies.filter((policy) => !policy.startsWith('sshregister'))
    : undefined
  if (auth.lease_duration !== undefined && auth.lease_duration <= options.ttlSeconds && !policies)
    return auth.client_token
  const path = '/v1/auth/token/create'
  const body = { ttl: `${options.ttlSeconds}s`, renewable: 'false', ...(policies && { policies }) }
  const answer = await client.ask(path, { token: auth.client_token, body }).catch((error: Error) => {
    throw new Fatal(`getting vault token from ${options.vaultServer}${path} failed: ${error.message}`)
  })
  showBody(voice, 'vault token', answer)
  const token = (answer.body.auth as { client_token?: string } | undefined)?.client_token
  if (token === undefined) throw new Fatal(`no vault token in response from ${options.vaultServer}${path}`)
  return token
}

/** The bearer token; undefined when Vault has none for us. With `keepIn`, a vault token that works is kept there. */
async function readBearer(
  run: Run,
  token: string,
  credsPath: string,
  keepIn: string | undefined,
): Promise<string | undefined> {
  const { options, client, voice } = run
  const { scopes, audience, minSecs, vaultServer } = options
  const path =
    scopes !== undefined || audience !== undefined ? credsPath.replace('/creds/', '/sts/') : credsPath
  if (options.showBearerUrl) run.bearerUrl = `${vaultServer}/v1/${path}`
  voice.detail(`  at path ${path}`)
  voice.progress(`Attempting to get token from ${vaultServer} ...`)
  const query = new URLSearchParams({
    minimum_seconds: String(minSecs),
    ...(scopes && { scopes }),
    ...(audience && { audiences: audience }),
  })
  let answer: Answer
  try {
    answer = await client.ask(`/v1/${path}?${query}`, { token })
  } catch (error) {
    voice.detail(`Read token from ${vaultServer}/v1/${path} failed: ${(error as Error).message}`)
    voice.ended('failed')
    return undefined
  }
  showBody(voice, 'vault get bearer token', answer)
  const bearer = (answer.body.data as { access_token?: string } | undefined)?.access_token
  voice.ended(bearer === undefined ? 'failed' : 'succeeded')
  if (bearer !== undefined && keepIn !== undefined) keepToken(run, 'vault', token, keepIn)
  return bearer
}

function keepToken(run: Run, kind: 'vault' | 'bearer', token: string, file: string): void {
  if (!isDeviceFile(file)) {
    run.voice.detail(`Storing ${kind} token in ${file}`)
    run.voice.progress(`Storing ${kind} token in ${file}`)
  }
  writeToken(token, file)
}

const credkeyFile = ({ options }: Run) => join(options.configDir, `credkey-${options.issuer}-${options.role}`)

function readSavedCredkey(run: Run): string | undefined {
  const file = credkeyFile(run)
  if (!existsSync(file)) return void run.voice.debug(`${file} does not yet exist`)
  const credkey = readFileSync(file, 'utf8').trim()
  run.voice.detail(`Credkey from ${file}: ${credkey}`)
  return credkey
}

function saveCredkey(run: Run, credkey: string): void {
  const file = credkeyFile(run)
  run.voice.progress(`Saving credkey to ${file}`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${credkey}\n`)
}

function showBody(voice: Voice, what: string, answer: Answer): void {
  voice.debug(`##### Begin ${what} response\n${JSON.stringify(answer.body)}\n##### End ${what} response`)
}
