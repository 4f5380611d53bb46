/**
 * HTCondor's credential monitor connects to Vault on port 8200 alone (`VaultCredmon.py`: "only port 8200 is allowed"): with
 * another one all is stored well, and no job gets a token.
 */

import type { ResolvedEntry } from '../resolve/resolve.ts'
import type { SiteFile } from '../schema/schema.ts'
import type { Report } from './report.ts'

const credmonPort = '8200'

/** The port that the credential monitors of the credds will not use; undefined where they will, and on this host: that is a trial. */
export function otherVaultPort(server: string): string | undefined {
  const [, host = '', port = credmonPort] = /^(?:https:\/\/)?(.*?)(?::(\d+))?$/.exec(server) ?? []
  return port === credmonPort || ['localhost', '127.0.0.1'].includes(host) ? undefined : port
}

/** What to say of it. */
export const vaultPortSays = (server: string, port: string) =>
  `${server}: HTCondor's credential monitor takes Vault on port ${credmonPort} only, so that what credds store brings no job a token from port ${port}`

/** Once for the common server, and once for each entry with one of its own. */
export function checkVaultPorts(file: SiteFile, entries: readonly ResolvedEntry[], report: Report) {
  const seen = new Set<string>()
  for (const { entry, path } of entries) {
    if (entry.tokenGetter !== 'storeAndGetToken' || entry.vaultServer === undefined) continue
    const port = otherVaultPort(entry.vaultServer)
    if (port === undefined) continue
    const at = entry.vaultServer === file.vaultServer ? ['vaultServer'] : [...path, 'vaultServerOverride']
    if (seen.has(at.join())) continue
    seen.add(at.join())
    report(
      'warning',
      at,
      `${vaultPortSays(entry.vaultServer, port)} — expected port ${credmonPort}, or tokenGetterOverride: getToken for entries whose jobs need none`,
    )
  }
}
