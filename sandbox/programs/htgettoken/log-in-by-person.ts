/** The login of a person in a browser, polled for until it is complete or two minutes have passed. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fatal, type Options } from './options.ts'
import type { Answer, VaultClient } from './vault-client.ts'
import type { Voice } from './voice.ts'

export interface PersonLogin {
  readonly body: Readonly<Record<string, unknown>>
  readonly metadata: { readonly credkey?: string; readonly oauth2_refresh_token?: string }
}

const patienceSeconds = 120

/** @throws Fatal */
export async function logInByPerson(
  options: Options,
  client: VaultClient,
  voice: Voice,
): Promise<PersonLogin> {
  const { vaultServer, oidcPath, role } = options
  if (!options.quiet) voice.log(`Attempting OIDC authentication with ${vaultServer}`)
  const nonce = randomBytes(32).toString('base64url')
  const started = await client
    .ask(`/v1/${oidcPath}/auth_url`, {
      body: { role, client_nonce: nonce, redirect_uri: `${vaultServer}/v1/${oidcPath}/callback` },
    })
    .catch((error: Error) => {
      throw new Fatal(`Initiating authentication to ${vaultServer} failed: ${error.message}`)
    })
  const data = started.body.data as
    | { auth_url?: string; user_code?: string; state?: string; poll_interval?: string }
    | undefined
  if (!data) throw new Fatal(`no 'data' in response from ${vaultServer}`)
  if (!data.auth_url) throw new Fatal(`no 'auth_url' in data from ${vaultServer}`)
  voice.log(`\nComplete the authentication at:\n    ${data.auth_url}`)
  if (data.user_code) voice.log(`When prompted, enter code ${data.user_code}`)
  voice.log('No web open command defined, please copy/paste the above to any web browser')
  if (!options.quiet) voice.log('Waiting for response in web browser')

  const answer = await poll(
    options,
    client,
    { state: data.state, client_nonce: nonce },
    Number(data.poll_interval ?? 0),
  )
  const metadata = (answer.body.auth as { metadata?: PersonLogin['metadata'] } | undefined)?.metadata
  if (!metadata) throw new Fatal(`no 'metadata' in response from ${vaultServer}`)
  return { body: answer.body, metadata }
}

async function poll(
  options: Options,
  client: VaultClient,
  body: unknown,
  firstInterval: number,
): Promise<Answer> {
  let interval = firstInterval
  for (let waited = 0; waited <= patienceSeconds; ) {
    await sleep(interval * 1000)
    waited += interval
    const answer = await client
      .ask(`/v1/${options.oidcPath}/poll`, { body, tolerated: 400 })
      .catch((error: Error) => {
        throw new Fatal(`Authentication to ${options.vaultServer} failed: ${error.message}`)
      })
    const [error] = (answer.body.errors as string[] | undefined) ?? []
    if (error === undefined) return answer
    if (error === 'slow_down') interval *= 2
    else if (error !== 'authorization_pending')
      throw new Fatal(`error in response from ${options.vaultServer}: ${error}`)
  }
  throw new Fatal('Polling for response took longer than 2 minutes')
}
