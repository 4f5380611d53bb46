/** People at the issuer’s page: what a browser, a login form and a consent form would lead to, in one step. */

import type { Provider } from 'oidc-provider'
import { anyAudience } from './any-audience.ts'

/** Where in the library’s words a device code keeps what was asked for. */
interface AskedParameters {
  readonly scope?: string
  readonly resource?: string | readonly string[]
  readonly audience?: string
}

/** Throws where nobody waits for that code. */
export async function completeLogin(provider: Provider, userCode: string, person: string): Promise<void> {
  const code = await provider.DeviceCode.findByUserCode(userCode.replaceAll('-', '').toUpperCase())
  if (!code?.clientId) throw new Error('no login waits for this code')
  const asked = (code as unknown as { readonly params: AskedParameters }).params
  const resources = [...new Set([...[asked.resource ?? []].flat(), anyAudience])]
  const grant = new provider.Grant({ accountId: person, clientId: code.clientId })
  grant.addOIDCScope('offline_access')
  for (const resource of resources) grant.addResourceScope(resource, asked.scope ?? '')
  const grantId = await grant.save()
  Object.assign(code, {
    accountId: person,
    grantId,
    resource: resources,
    authTime: Math.floor(Date.now() / 1_000),
  })
  Object.assign(code, { scope: asked.scope ?? '' })
  await code.save()
}
