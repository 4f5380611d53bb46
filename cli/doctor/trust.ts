/** Whom the daemons trust over TLS: which files they leave out, and whether htgettoken finds the rest. */

import { environment } from '../../shared/config/environment.ts'
import type { Site } from '../../shared/config/site.ts'
import { hasHashLinks, type Problem } from '../../shared/https/certificates.ts'
import { readTrust } from '../../shared/https/trust.ts'
import { type Check, type Finding, ok, warning } from './check.ts'

const about = 'trust'

/** The system's bundle, the grid's directory, and what the configuration names beside them. */
export function checkTrust(site: Site | undefined): Check {
  return { about, deadlineMs: 10_000, look: () => lookAtTrust(site) }
}

async function lookAtTrust(site: Site | undefined): Promise<Finding[]> {
  const named = new Set([site?.vault.caPath, site?.ferry?.caPath, site?.email?.caPath])
  const all = await Promise.all([...named].map((caPath) => readTrust(caPath)))
  const problems = new Map(all.flatMap(({ problems }) => problems).map((one) => [one.file, one]))
  const most = Math.max(...all.map(({ certificates }) => certificates.length))
  return [
    ...[...problems.values()].map(leftOut),
    ...(await lookAtLinks(site?.vault.caPath ?? environment.X509_CERT_DIR)),
    ok(about, `${most} authorities: the system’s, the grid’s, and what the configuration names`),
  ]
}

const leftOut = ({ file, why }: Problem) =>
  warning(about, `${file} ${why}: it is left out`, 'remove or replace it')

/** What has no link by hash is trusted by the daemons alone. */
async function lookAtLinks(directory: string | undefined): Promise<Finding[]> {
  if (directory === undefined || (await hasHashLinks(directory))) return []
  const says = `${directory} has no links by hash: htgettoken finds no authority there`
  return [warning(about, says, `openssl rehash ${directory}`)]
}
